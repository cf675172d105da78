//! Addresses of a Redis: one server, a Cluster, or a service that Sentinels watch; with or without TLS. Never
//! connects, and never repeats a password in an error. Enter at [`Address::read`].

use std::path::PathBuf;

use redis::io::tcp::{TcpSettings, socket2::TcpKeepalive};
use redis::{ClientTlsConfig, ConnectionAddr, ConnectionInfo, IntoConnectionInfo, TlsCertificates};
use url::Url;

use super::link::PEER_GONE;
use crate::store::{StoreError, StoreResult};

/// The parsed address of the store; nothing is connected yet.
pub struct Address {
    pub kind: AddressForm,
    /// TLS with certificates of its own; `None` without TLS, or with those of the system.
    pub certificates: Option<Certificates>,
    pub is_tls: bool,
}

pub enum AddressForm {
    Single(Box<ConnectionInfo>),
    Cluster(Vec<ConnectionInfo>),
    Sentinel(Box<Service>),
}

/// A service that Sentinels watch.
pub struct Service {
    pub name: String,
    /// The Sentinels, with their own user and password.
    pub sentinels: Vec<ConnectionInfo>,
    /// User, password and database of the servers.
    pub node: ConnectionInfo,
}

/// The beginning of each part of a file in PEM.
const PEM: &[u8] = b"-----BEGIN ";

/// Files in PEM.
pub struct Certificates {
    /// Of the authority that has signed the server's certificate.
    ca: Option<PathBuf>,
    /// Our own certificate and its key, for a server that asks for them.
    own: Option<(PathBuf, PathBuf)>,
}

impl Certificates {
    /// Reads the files; the error names the one that cannot be read.
    pub fn read(&self) -> StoreResult<TlsCertificates> {
        let read = |path: &PathBuf| {
            let bad = |error| StoreError::Unreachable(format!("the file {}: {error}", path.display()));
            let pem = std::fs::read(path).map_err(bad)?;
            match pem.windows(PEM.len()).any(|part| part == PEM) {
                true => Ok(pem),
                false => Err(StoreError::Unreachable(format!("the file {}: it is not PEM", path.display()))),
            }
        };
        let own = self.own.as_ref().map(|(cert, key)| {
            Ok::<_, StoreError>(ClientTlsConfig { client_cert: read(cert)?, client_key: read(key)? })
        });
        Ok(TlsCertificates {
            client_tls: own.transpose()?,
            root_cert: self.ca.as_ref().map(read).transpose()?,
        })
    }
}

impl Address {
    /// The accepted forms of an address.
    pub const FORM: &str = "redis://host:6379/0, redis+cluster://host:6379,host:6379 or \
                            redis+sentinel://host:26379,host:26379/service; rediss… for TLS";

    pub fn read(address: &str) -> StoreResult<Self> {
        Self::parse(address)
            .ok_or_else(|| StoreError::Unreachable(format!("the address is not {}", Self::FORM)))
    }

    fn parse(address: &str) -> Option<Self> {
        let (scheme, rest) = address.split_once("://")?;
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (base, form) = scheme.split_once('+').unwrap_or((scheme, ""));
        let is_tls = match base {
            "redis" => false,
            "rediss" => true,
            _ => return None,
        };
        let options = Options::read(query)?;
        let certificates = options.certificates();
        if (certificates.is_some() && !is_tls) || rest.contains('#') {
            return None;
        }
        // The part before the last `@` is one user and password for all servers.
        let (login, hosts) = match rest.rsplit_once('@') {
            Some((login, hosts)) => (format!("{login}@"), hosts),
            None => (String::new(), rest),
        };
        let (hosts, path) = hosts.split_once('/').unwrap_or((hosts, ""));
        let path = path.trim_end_matches('/');
        let all = |login: &str| {
            hosts
                .split(',')
                .map(|host| server(&format!("{base}://{login}{host}")))
                .collect::<Option<Vec<_>>>()
        };
        let kind = match form {
            "" if !hosts.contains(',') => {
                AddressForm::Single(Box::new(server(&format!("{base}://{login}{hosts}/{path}"))?))
            }
            "cluster" if path.is_empty() => AddressForm::Cluster(all(&login)?),
            "sentinel" => {
                let (name, db) = path.split_once('/').unwrap_or((path, "0"));
                let host = hosts.split(',').next()?;
                let node = server(&format!("{base}://{login}{host}/{db}"))?;
                let sentinels = all(&options.login())?;
                (!name.is_empty()).then(|| {
                    AddressForm::Sentinel(Box::new(Service { name: name.to_owned(), sentinels, node }))
                })?
            }
            _ => return None,
        };
        if !matches!(kind, AddressForm::Sentinel(_)) && !options.login().is_empty() {
            return None;
        }
        Some(Self { kind, certificates, is_tls })
    }

    /// The servers without user and password, for messages.
    pub fn name(&self) -> String {
        let nodes: &[ConnectionInfo] = match &self.kind {
            AddressForm::Single(server) => std::slice::from_ref(&**server),
            AddressForm::Cluster(nodes) => nodes,
            AddressForm::Sentinel(service) => &service.sentinels,
        };
        let names: Vec<String> = nodes.iter().map(|node| node.addr().to_string()).collect();
        match &self.kind {
            AddressForm::Sentinel(service) => {
                format!("Redis {} of the Sentinels {}", service.name, names.join(", "))
            }
            _ => format!("Redis {}", names.join(", ")),
        }
    }
}

/// What stands behind the `?`.
#[derive(Default)]
struct Options {
    ca: Option<PathBuf>,
    cert: Option<PathBuf>,
    key: Option<PathBuf>,
    sentinel_user: String,
    sentinel_password: String,
}

impl Options {
    fn read(query: &str) -> Option<Self> {
        let mut options = Self::default();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            match &*name {
                "ca" => options.ca = Some(PathBuf::from(&*value)),
                "cert" => options.cert = Some(PathBuf::from(&*value)),
                "key" => options.key = Some(PathBuf::from(&*value)),
                "sentinel_user" => options.sentinel_user = value.into_owned(),
                "sentinel_password" => options.sentinel_password = value.into_owned(),
                _ => return None,
            }
        }
        (options.cert.is_some() == options.key.is_some()).then_some(options)
    }

    fn certificates(&self) -> Option<Certificates> {
        let own = self.cert.clone().zip(self.key.clone());
        (self.ca.is_some() || own.is_some()).then(|| Certificates { ca: self.ca.clone(), own })
    }

    /// `user:password@` of the Sentinels; empty if they ask for none.
    fn login(&self) -> String {
        if self.sentinel_user.is_empty() && self.sentinel_password.is_empty() {
            return String::new();
        }
        let escaped = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
        format!("{}:{}@", escaped(&self.sentinel_user), escaped(&self.sentinel_password).replace('+', "%20"))
    }
}

fn server(url: &str) -> Option<ConnectionInfo> {
    // The client's own error text may repeat a password.
    Url::parse(url).ok()?.host()?;
    let info = url.into_connection_info().ok()?;
    let is_plain = match info.addr() {
        ConnectionAddr::Tcp(host, _) | ConnectionAddr::TcpTls { host, .. } => !host.contains(','),
        _ => false,
    };
    is_plain.then(|| info.set_tcp_settings(tcp()))
}

pub fn tcp() -> TcpSettings {
    let keepalive = TcpKeepalive::new().with_time(PEER_GONE).with_interval(PEER_GONE / 5);
    let settings = TcpSettings::default().set_nodelay(true).set_keepalive(keepalive);
    #[cfg(target_os = "linux")]
    let settings = settings.set_user_timeout(PEER_GONE);
    settings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_is_read_and_no_password_is_in_the_name() {
        for (address, name) in [
            ("redis://:tajna@10.0.0.1:6380/2", "Redis 10.0.0.1:6380"),
            ("rediss://me:tajna@cache.example", "Redis cache.example:6379"),
            ("rediss://cache.example?ca=/etc/ca.pem", "Redis cache.example:6379"),
            ("redis+cluster://me:tajna@a:1,b:2/", "Redis a:1, b:2"),
            ("rediss+cluster://a:1,b:2?ca=/c&cert=/d&key=/e", "Redis a:1, b:2"),
            ("redis+sentinel://a:1,b:2/main", "Redis main of the Sentinels a:1, b:2"),
            (
                "rediss+sentinel://:tajna@a:1/main/3?sentinel_password=tajna",
                "Redis main of the Sentinels a:1",
            ),
        ] {
            let read = Address::read(address).unwrap_or_else(|error| panic!("{address}: {error}"));
            assert_eq!(read.name(), name, "{address}");
            assert_eq!(read.is_tls, address.starts_with("rediss"), "{address}");
        }
    }

    #[test]
    fn what_is_no_address_is_refused_without_repeating_it() {
        for address in [
            "postgres://:tajna@10.0.0.1",
            "redis://:tajna@10.0.0.1,10.0.0.2",
            "rediss://:tajna@10.0.0.1/#insecure",
            "redis://:tajna@10.0.0.1?ca=/etc/ca.pem",
            "rediss://:tajna@10.0.0.1?cert=/a",
            "rediss://:tajna@10.0.0.1?verify=no",
            "redis+sentinel://:tajna@a:1",
            "redis+cluster://:tajna@a:1/2",
            "redis://:tajna@a:1?sentinel_password=x",
            "unix:///run/redis.sock",
        ] {
            let error =
                Address::read(address).err().unwrap_or_else(|| panic!("{address} is read")).to_string();
            assert!(error.contains("redis+sentinel://") && !error.contains("tajna"), "{address}: {error}");
        }
    }
}
