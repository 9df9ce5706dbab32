//! The gRPC services of a role, and the listeners they stand behind.

use std::time::Duration;

use lifecycle::{Health, grpc};
use proto::served::order_query_service_server::OrderQueryServiceServer;
use proto::v1::order_command_service_server::OrderCommandServiceServer;
use proto::v1::order_history_service_server::OrderHistoryServiceServer;
use proto::v1::order_report_service_server::OrderReportServiceServer;
use proto::v1::read_model_service_server::ReadModelServiceServer;
use query::QueryService;
use tonic::service::Routes;

use super::guard;
use super::name::{GRPC, HEALTH};
use super::read_model::ReadModel;
use super::shared::Shared;
use crate::config::Config;

/// Largest request: 2,000 lines with ordinary titles fit several times.
const REQUEST_BYTES: usize = 1 << 20;
/// Largest reply; queries end their pages well before.
const REPLY_BYTES: usize = 4 << 20;

/// All services of the role, with health and reflection, on the main listener.
pub(super) fn server(
    config: &Config,
    shared: &Shared,
    read_model: Option<&ReadModel>,
) -> grpc::Server {
    let queries = read_model
        .map(|it| QueryService::new(it.reader(), shared.event_store(), shared.key_store()));
    let routes = routes(config, shared, read_model.zip(queries.as_ref()));
    listener(config, routes, queries)
}

fn routes(config: &Config, shared: &Shared, reads: Option<(&ReadModel, &QueryService)>) -> Routes {
    let mut routes = Routes::new(grpc::HealthService::server(&shared.health));
    if config.process.role.serves_commands() {
        let service = OrderCommandServiceServer::new(shared.commands.clone());
        routes = routes.add_service(service.max_decoding_message_size(REQUEST_BYTES));
    }
    if let Some((read_model, queries)) = reads {
        routes = add_queries(routes, queries.clone());
        if config.serves_administration() {
            let service = ReadModelServiceServer::new(read_model.administration());
            routes = routes.add_service(service);
        }
    }
    if config.grpc.reflection {
        reflect(routes)
    } else {
        routes
    }
}

fn add_queries(routes: Routes, service: QueryService) -> Routes {
    routes
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
        )
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

/// The main listener. When it closes, watches end by themselves, each with a token.
fn listener(config: &Config, routes: Routes, queries: Option<QueryService>) -> grpc::Server {
    let guard = guard::Guard::new(config.grpc.concurrency.count());
    grpc::Server::new(GRPC, config.grpc.listen, move |incoming, stopping| {
        let queries = queries.clone();
        let stopped = async move {
            stopping.cancelled_owned().await;
            if let Some(queries) = queries {
                queries.stop_watches();
            }
        };
        grpc::defaults()
            .max_concurrent_streams(Some(200))
            .http2_max_header_list_size(Some(16 << 10))
            .http2_keepalive_interval(Some(Duration::from_secs(30)))
            .http2_keepalive_timeout(Some(Duration::from_secs(10)))
            .layer(guard.clone())
            .add_routes(routes.clone())
            .serve_with_incoming_shutdown(incoming, stopped)
    })
}

/// Health alone, on a port of its own, so that it stays plain where the main port is not.
pub(super) fn health_server(config: &Config, health: &Health) -> grpc::Server {
    let health = health.clone();
    grpc::Server::new(HEALTH, config.health.listen, move |incoming, stopping| {
        grpc::defaults()
            .add_service(grpc::HealthService::server(&health))
            .serve_with_incoming_shutdown(incoming, stopping.cancelled_owned())
    })
}
