//! The gRPC services of a role, and the listeners they stand behind.

use std::sync::Arc;
use std::time::Duration;

use command::CommandService;
use event_store::{EventStore, KeyStore};
use lifecycle::{Health, grpc};
use projector::{Orders, ProjectionService, Reports};
use proto::v1::order_command_service_server::OrderCommandServiceServer;
use proto::v1::order_history_service_server::OrderHistoryServiceServer;
use proto::v1::order_query_service_server::OrderQueryServiceServer;
use proto::v1::order_report_service_server::OrderReportServiceServer;
use proto::v1::projection_service_server::ProjectionServiceServer;
use query::QueryService;
use read_model::Store;
use tonic::service::Routes;

use super::{GRPC, HEALTH, Parts, guard, now, projection};
use crate::config::Config;

/// Largest request: 2,000 lines with ordinary titles fit several times.
const REQUEST_BYTES: usize = 1 << 20;
/// Largest reply; queries end their pages well before.
const REPLY_BYTES: usize = 4 << 20;

/// Views, and the components that fill them.
pub(super) type Projections = (
    (Arc<Store>, Arc<Store>),
    projection::Component<Orders>,
    projection::Component<Reports>,
);

/// The write side: served where the role says so, and used by the process itself.
pub(super) fn commands(config: &Config, parts: &Parts) -> CommandService {
    let limits = command::Config {
        cached_orders_max: config.cache_orders,
        cached_bytes_max: config.cache_bytes,
        observer: parts.metrics.clone(),
        ..command::Config::default()
    };
    let log: Arc<dyn EventStore> = Arc::new(parts.log.clone());
    let keys: Arc<dyn KeyStore> = Arc::new(parts.keys.clone());
    CommandService::new(log, keys, Arc::new(now), limits)
}

/// All services of the role, with health and reflection.
pub(super) fn routes(
    config: &Config,
    parts: &Parts,
    commands: &CommandService,
    projections: Option<&Projections>,
) -> Routes {
    let mut routes = Routes::new(grpc::HealthService::server(&parts.health));
    if config.role.serves_commands() {
        routes = routes.add_service(
            OrderCommandServiceServer::new(commands.clone())
                .max_decoding_message_size(REQUEST_BYTES),
        );
    }
    if let Some(((orders_view, reports_view), orders, reports)) = projections {
        let log: Arc<dyn EventStore> = Arc::new(parts.log.clone());
        let keys: Arc<dyn KeyStore> = Arc::new(parts.keys.clone());
        let (reader, counts) = (orders.reader(), reports.reader());
        let service = QueryService::new(reader, counts, Arc::clone(&log), keys);
        routes = routes
            .add_service(
                OrderQueryServiceServer::new(service.clone())
                    .max_decoding_message_size(REQUEST_BYTES)
                    .max_encoding_message_size(REPLY_BYTES),
            )
            .add_service(
                OrderHistoryServiceServer::new(service.clone())
                    .max_decoding_message_size(REQUEST_BYTES)
                    .max_encoding_message_size(REPLY_BYTES),
            )
            .add_service(
                OrderReportServiceServer::new(service)
                    .max_decoding_message_size(REQUEST_BYTES)
                    .max_encoding_message_size(REPLY_BYTES),
            );
        if config.serves_administration() {
            let projections = vec![
                (Arc::clone(orders_view), orders.rebuild()),
                (Arc::clone(reports_view), reports.rebuild()),
            ];
            let service = ProjectionService::new(log, projections);
            routes = routes.add_service(ProjectionServiceServer::new(service));
        }
    }
    if config.grpc_reflection {
        reflect(routes)
    } else {
        routes
    }
}

/// Reflection, in the version that new clients ask for and in the one that old ones do.
fn reflect(routes: Routes) -> Routes {
    let builder = || {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(proto::DESCRIPTORS)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
            // So that grpcurl prints the details of errors.
            .register_encoded_file_descriptor_set(tonic_types::pb::FILE_DESCRIPTOR_SET)
    };
    match (builder().build_v1(), builder().build_v1alpha()) {
        (Ok(v1), Ok(v1alpha)) => routes.add_service(v1).add_service(v1alpha),
        (Err(error), _) | (_, Err(error)) => {
            tracing::error!(%error, "reflection is off: the descriptors cannot be read");
            routes
        }
    }
}

/// The main listener.
pub(super) fn server(config: &Config, routes: Routes) -> grpc::Server {
    let guard = guard::Guard::new(config.grpc_concurrency);
    grpc::Server::new(GRPC, config.grpc_listen, move |incoming, stopping| {
        grpc::defaults()
            .max_concurrent_streams(Some(200))
            .http2_max_header_list_size(Some(16 << 10))
            .http2_keepalive_interval(Some(Duration::from_secs(30)))
            .http2_keepalive_timeout(Some(Duration::from_secs(10)))
            .layer(guard.clone())
            .add_routes(routes.clone())
            .serve_with_incoming_shutdown(incoming, stopping.cancelled_owned())
    })
}

/// Health alone, on a port of its own, so that it stays plain where the main port is not.
pub(super) fn health_server(config: &Config, health: &Health) -> grpc::Server {
    let health = health.clone();
    grpc::Server::new(HEALTH, config.health_listen, move |incoming, stopping| {
        grpc::defaults()
            .add_service(grpc::HealthService::server(&health))
            .serve_with_incoming_shutdown(incoming, stopping.cancelled_owned())
    })
}
