//! The read model of one node, for operators: read-model show, rebuild, verify, cancel.

mod follow;
mod rebuild;
mod show;
mod verify;

use clap::{Args, Subcommand};
use proto::v1;
use proto::v1::read_model_service_client::ReadModelServiceClient;

use crate::connect::Server;
use crate::error::Error;
use crate::output;
use crate::run::{Run, run};
use rebuild::Rebuild;
use show::Show;
use verify::Verify;

#[derive(Debug, Subcommand)]
pub enum ReadModel {
    /// Show the position, the generations and the work of the read model.
    #[command(after_help = "Example: orders read-model show -o json")]
    Show(Show),
    /// Build the read model again from the start of the log, beside the one that serves.
    #[command(after_help = "Example: orders read-model rebuild\n\n\
                      The new read model is compared with the one that serves, and then serves \
                      itself. Ctrl-C ends the command and not the rebuild: the same command \
                      follows it again. Exit codes: 0 both were equal, 65 they differ, 69 the \
                      service cannot be reached, 75 the rebuild goes on, or was given up.")]
    Rebuild(Rebuild),
    /// Fold the log beside the read model that serves, and compare the two.
    #[command(after_help = "Examples: orders read-model verify\n          \
                      orders read-model verify --order demo-1 -o json\n\n\
                      Nothing is changed. Ctrl-C ends the command and not the verification. Exit \
                      codes: 0 both are equal, 65 they differ, 69 the service cannot be reached, \
                      75 the verification goes on, or was given up.")]
    Verify(Verify),
    /// Give up the rebuild or the verification that runs.
    #[command(after_help = "Example: orders read-model cancel")]
    Cancel(Cancel),
}

impl ReadModel {
    pub(crate) async fn run(self) -> Result<(), Error> {
        match self {
            Self::Show(show) => run(show).await,
            Self::Rebuild(rebuild) => run(rebuild).await,
            Self::Verify(verify) => run(verify).await,
            Self::Cancel(cancel) => run(cancel).await,
        }
    }
}

#[derive(Debug, Args)]
pub struct Cancel {
    #[command(flatten)]
    server: Server,
}

impl Run for Cancel {
    async fn run(self) -> Result<(), Error> {
        let service = self.server.connect().await?;
        let request = v1::CancelRebuildRequest {};
        let answer = service
            .ask(request, async |channel, request| {
                ReadModelServiceClient::new(channel)
                    .cancel_rebuild(request)
                    .await
            })
            .await?;
        output::line(if answer.cancelled {
            "cancelled; the read model serves as before"
        } else {
            "no rebuild and no verification was running"
        })
    }
}
