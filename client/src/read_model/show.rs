//! read-model show.

use clap::Args;
use proto::v1;
use proto::v1::read_model_service_client::ReadModelServiceClient;

use crate::connect::Server;
use crate::error::Error;
use crate::number::{per_second, thousands};
use crate::render::{Format, fields, print_one, time};
use crate::run::Run;

#[derive(Debug, Args)]
pub struct Show {
    /// Show at least the write that returned this consistency token.
    #[arg(long)]
    token: Option<String>,
    #[command(flatten)]
    server: Server,
    #[command(flatten)]
    format: Format,
}

impl Run for Show {
    async fn run(self) -> Result<(), Error> {
        let service = self.server.connect().await?;
        let request = v1::GetReadModelRequest {
            consistency_token: self.token.unwrap_or_default(),
        };
        let answer = service
            .ask(request, async |channel, request| {
                ReadModelServiceClient::new(channel)
                    .get_read_model(request)
                    .await
            })
            .await?;
        let read_model = answer.read_model.unwrap_or_default();
        print_one(&self.format, "ReadModel", &read_model, text)
    }
}

fn text(read_model: &v1::ReadModel) -> String {
    let serving = if read_model.serving { "yes" } else { "no" };
    fields(&[
        ("serving", serving.to_owned()),
        ("generation", read_model.generation.clone()),
        ("generations", read_model.generations.join(" ")),
        ("quarantined", read_model.quarantined.join(" ")),
        ("position", read_model.position.clone()),
        ("recorded", time(read_model.record_time.as_ref())),
        ("head", head(read_model)),
        ("lag", lag(read_model)),
        ("parked", orders(read_model.parked)),
        ("digest", read_model.digest.clone()),
        ("log", read_model.log_identity.clone()),
        (
            "work",
            read_model.work.as_ref().map(work).unwrap_or_default(),
        ),
        ("found", found(read_model)),
        ("trouble", read_model.trouble.clone()),
    ])
}

fn count(number: i64) -> String {
    thousands(u64::try_from(number).unwrap_or(0))
}

fn orders(parked: i64) -> String {
    format!("{} orders", count(parked))
}

fn head(read_model: &v1::ReadModel) -> String {
    let head = &read_model.head;
    match &read_model.head_unknown_for {
        Some(age) => format!("{head} (the log has not answered for {age})"),
        None => head.clone(),
    }
}

fn lag(read_model: &v1::ReadModel) -> String {
    let lag = format!("{} commits", count(read_model.lag_commits));
    match &read_model.behind_for {
        Some(age) => format!("{lag}, behind for {age}"),
        None => lag,
    }
}

fn work(work: &v1::ReadModelWork) -> String {
    let left = work.remaining.as_ref();
    let left = left.map_or_else(String::new, |left| format!(", {left} left"));
    format!(
        "{}: {}/{}, {}{left}",
        work.task,
        count(work.done),
        count(work.total),
        per_second(work.per_second)
    )
}

fn found(read_model: &v1::ReadModel) -> String {
    let findings = [
        (read_model.damaged_count, "damaged"),
        (read_model.rolled_back_count, "rolled back"),
        (read_model.different_count, "different"),
    ];
    let findings = findings.into_iter().filter(|(number, _)| *number > 0);
    let mut words: Vec<String> = findings
        .map(|(number, what)| format!("{} {what}", count(number)))
        .collect();
    if !read_model.last_finding.is_empty() {
        words.push(format!("last: {}", read_model.last_finding));
    }
    words.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_read_model_is_shown_line_by_line_without_what_is_empty() {
        let read_model = v1::ReadModel {
            serving: true,
            generation: "sled-3-7".to_owned(),
            position: "0:1234".to_owned(),
            head: "0:2240".to_owned(),
            lag_commits: 1006,
            behind_for: Some(prost_types::Duration {
                seconds: 2,
                nanos: 0,
            }),
            work: Some(v1::ReadModelWork {
                task: "rebuild".to_owned(),
                done: 1200,
                total: 5000,
                per_second: 800.4,
                remaining: None,
            }),
            ..v1::ReadModel::default()
        };
        let text = text(&read_model);
        for line in [
            "serving     yes",
            "lag         1,006 commits, behind for 2s",
            "work        rebuild: 1,200/5,000, 800/s",
        ] {
            assert!(
                text.lines().any(|it| it == line),
                "{line} is not in\n{text}"
            );
        }
        assert!(!text.contains("trouble"), "{text}");
    }
}
