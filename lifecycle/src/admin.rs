//! HTTP for those who operate the process: probes, and whatever the application mounts.

use std::{fmt::Write, net::SocketAddr};

use async_trait::async_trait;
use axum::{
    Json, Router,
    extract::{RawQuery, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use serde_json::json;

use crate::{
    Component, Error, Health, RunContext, StartContext, StopContext,
    health::{HealthSnapshot, LIVENESS, READINESS, STARTUP, ServiceHealth},
    http,
    socket::Bound,
};

/// The probes of a health registry, as routes:
///
/// | path | aliases | service |
/// |---|---|---|
/// | `/startupz` | `/startup` | [`STARTUP`] |
/// | `/livez` | `/live`, `/healthz` | [`LIVENESS`] |
/// | `/readyz` | `/ready` | [`READINESS`] |
///
/// 200 or 503; the body names the causes. With `?verbose` it lists every entry, in the style of
/// Kubernetes; with `Accept: application/json` it is JSON.
pub fn probes(health: Health) -> Router {
    const PROBES: [(&str, &[&str]); 3] = [
        (STARTUP, &["/startupz", "/startup"]),
        (LIVENESS, &["/livez", "/live", "/healthz"]),
        (READINESS, &["/readyz", "/ready"]),
    ];
    let mut router = Router::new();
    for (service, paths) in PROBES {
        for path in paths {
            let answer = move |State(health): State<Health>, RawQuery(query), headers| async move {
                probe(&health.snapshot(), service, query.as_deref(), &headers)
            };
            router = router.route(path, get(answer));
        }
    }
    router.with_state(health)
}

fn probe(
    snapshot: &HealthSnapshot,
    name: &str,
    query: Option<&str>,
    headers: &HeaderMap,
) -> Response {
    let Some(service) = snapshot.lookup(name) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let code = match service.serving {
        true => StatusCode::OK,
        false => StatusCode::SERVICE_UNAVAILABLE,
    };
    let accept = headers
        .get(header::ACCEPT)
        .and_then(|value| value.to_str().ok());
    let verbose = query.is_some_and(|query| {
        query
            .split('&')
            .any(|pair| pair == "verbose" || pair.starts_with("verbose="))
    });
    if accept.is_some_and(|accept| accept.contains("application/json")) {
        (code, Json(as_json(snapshot, &service))).into_response()
    } else if verbose {
        (code, as_list(snapshot, name, &service)).into_response()
    } else {
        let cause = service.cause();
        (
            code,
            if cause.is_empty() {
                "ok\n".to_owned()
            } else {
                cause + "\n"
            },
        )
            .into_response()
    }
}

fn as_list(snapshot: &HealthSnapshot, name: &str, service: &ServiceHealth) -> String {
    let mut list = String::new();
    let causes = service
        .causes
        .iter()
        .filter(|(name, _)| !snapshot.entries.contains_key(name));
    let causes = causes.map(|(name, status)| (name, status));
    for (entry, status) in snapshot.entries.iter().chain(causes) {
        let line = match (status.is_serving(), status.reason()) {
            (true, None) => format!("[+]{entry} ok"),
            (true, Some(_)) => format!("[+]{entry} {status}"),
            (false, reason) => format!("[-]{entry} failed: {}", reason.unwrap_or_default()),
        };
        list.extend([&line, "\n"]);
    }
    let verdict = if service.serving { "passed" } else { "failed" };
    // Writing to a string does not fail.
    writeln!(list, "{name} check {verdict}").ok();
    list
}

fn as_json(snapshot: &HealthSnapshot, service: &ServiceHealth) -> serde_json::Value {
    let entry = |(name, status): (&String, &crate::health::Status)| json!({ "name": name, "status": status.word(), "reason": status.reason() });
    let causes = service
        .causes
        .iter()
        .map(|(name, status)| entry((name, status)));
    json!({
        "serving": service.serving,
        "draining": snapshot.draining,
        "causes": causes.collect::<Vec<_>>(),
        "entries": snapshot.entries.iter().map(entry).collect::<Vec<_>>(),
    })
}

/// The probes on a listener of their own. It binds in `start`, and should stop after everything
/// that it reports on: `.stops_before(["admin"])`.
pub struct Server(http::Server);

impl Server {
    /// The name of the component.
    pub const NAME: &str = "admin";

    /// Serves the probes of this registry.
    pub fn new(address: SocketAddr, health: Health) -> Self {
        Self(http::Server::new(Self::NAME, address, probes(health)))
    }

    /// Adds routes of the application, as `/metrics`.
    #[must_use]
    pub fn mount(mut self, router: Router) -> Self {
        self.0.merge(router);
        self
    }

    /// The address it has got, which `:0` leaves to the system.
    pub fn bound(&self) -> Bound {
        self.0.bound()
    }
}

#[async_trait]
impl Component for Server {
    fn name(&self) -> &str {
        Self::NAME
    }

    async fn start(&mut self, cx: &StartContext) -> Result<(), Error> {
        self.0.start(cx).await
    }

    async fn run(&mut self, cx: &RunContext) -> Result<(), Error> {
        self.0.run(cx).await
    }

    async fn stop(&mut self, cx: &StopContext) -> Result<(), Error> {
        self.0.stop(cx).await
    }
}
