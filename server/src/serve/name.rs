//! Names of the components. Health, the log lines and the dependencies know them by these.

pub(super) const ADMIN: &str = lifecycle::admin::Server::NAME;
pub(super) const CLOCK: &str = "clock";
pub(super) const DEADLINES: &str = "deadlines";
pub(super) const DISK: &str = "disk";
pub(super) const ERASURES: &str = "erasures";
pub(super) const GRPC: &str = "grpc";
pub(super) const HEALTH: &str = "health";
pub(super) const LOG: &str = "log";
pub(super) const READ_MODEL: &str = "read-model";
