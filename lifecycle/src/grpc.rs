//! gRPC: a server as a component, and the health service.

mod health;
mod server;

pub use self::{
    health::HealthService,
    server::{Server, defaults},
};
pub use tonic_health::pb::health_server::HealthServer;
