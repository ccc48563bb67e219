//! A connection to a Descent server.

use std::error::Error;
use std::net::IpAddr;
use std::path::Path;

use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::{Interceptor, interceptor::InterceptedService};
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint};
use tonic::{Request, Status};

use crate::pb::model_service_client::ModelServiceClient;
use crate::pb::network_service_client::NetworkServiceClient;

/// Tells with every call who asks.
#[derive(Clone)]
pub struct Bearer(Option<MetadataValue<Ascii>>);

impl Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(token) = &self.0 {
            request.metadata_mut().insert("authorization", token.clone());
        }
        Ok(request)
    }
}

pub type Connection = InterceptedService<Channel, Bearer>;

#[derive(Clone)]
pub struct Server {
    pub models: ModelServiceClient<Connection>,
    pub networks: NetworkServiceClient<Connection>,
}

fn is_loopback(server: &str) -> bool {
    let host = server.rsplit_once(':').map_or(server, |(host, _)| host);
    let address = host.trim_matches(['[', ']']).parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

/// Over TLS where there is a file of the server's authorities, with a token where there is a file of one.
/// The connection is made at the first call, and again when it is lost.
pub fn connect(
    server: &str,
    tls_ca: Option<&Path>,
    token_file: Option<&Path>,
) -> Result<Server, Box<dyn Error>> {
    let endpoint = match tls_ca {
        None => Endpoint::from_shared(format!("http://{server}"))?,
        Some(path) => {
            let authority = Certificate::from_pem(std::fs::read(path)?);
            Endpoint::from_shared(format!("https://{server}"))?
                .tls_config(ClientTlsConfig::new().ca_certificate(authority))?
        }
    };
    let bearer = match token_file {
        None => Bearer(None),
        Some(_) if tls_ca.is_none() && !is_loopback(server) => {
            return Err(
                format!("a token would go to {server} in plaintext, for others to read").into()
            );
        }
        Some(path) => {
            let token = std::fs::read_to_string(path)?;
            Bearer(Some(format!("Bearer {}", token.trim()).parse()?))
        }
    };
    let channel = endpoint.connect_lazy();
    Ok(Server {
        models: ModelServiceClient::with_interceptor(channel.clone(), bearer.clone()),
        networks: NetworkServiceClient::with_interceptor(channel, bearer),
    })
}
