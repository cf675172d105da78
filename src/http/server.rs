//! The server for platforms: as actix-web's own, on connections whose request lines are made ASCII first. Never
//! knows an address. Enter at [`serve`].

use std::net::TcpListener;
use std::time::Duration;

use actix_http::{HttpService, KeepAlive};
use actix_server::Server;
use actix_service::{IntoServiceFactory, ServiceFactoryExt, fn_service, map_config};
use actix_web::dev::AppConfig;
use actix_web::{App, Error, web};
use tokio::net::TcpStream;

use super::ascii_targets::AsciiTargets;
use super::{Front, routes};

/// Seconds that requests in flight may take to finish when the server stops.
const SHUTDOWN_S: u64 = 5;

/// Runs when it is awaited; stops by its handle.
pub fn serve(listener: TcpListener, front: web::Data<Front>, head_wait: Duration) -> std::io::Result<Server> {
    let builder = Server::build().shutdown_timeout(SHUTDOWN_S).disable_signals();
    let stops = builder.graceful_shutdown_signal();
    let server = builder.listen("hooks", listener, move || {
        let app = App::new().configure(routes(front.clone())).into_factory();
        let app = app.map_err(|error: Error| error.error_response());
        let stops = stops.clone();
        let http = HttpService::build()
            .graceful_shutdown_signal(move || {
                let stops = stops.clone();
                async move { stops.notified().await }
            })
            .keep_alive(KeepAlive::default())
            .client_request_timeout(head_wait)
            .h1(map_config(app, |()| AppConfig::default()));
        let connection = async |stream: TcpStream| {
            let peer = stream.peer_addr().ok();
            Ok((AsciiTargets::new(stream), peer))
        };
        fn_service(connection).and_then(http)
    })?;
    Ok(server.run())
}
