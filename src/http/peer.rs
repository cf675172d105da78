//! The sender of one HTTP request. Never believes a header unless the setting says so. Enter at [`of`].

use std::net::{IpAddr, Ipv4Addr};

use actix_web::HttpRequest;

use crate::peer::Proxies;

/// The address that sent the request; the unspecified one if the connection has none.
pub fn of(request: &HttpRequest, proxies: &Proxies) -> IpAddr {
    let connection = request.peer_addr().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.ip());
    let values: Vec<&str> =
        request.headers().get_all("x-forwarded-for").filter_map(|value| value.to_str().ok()).collect();
    proxies.peer(connection, values.into_iter())
}
