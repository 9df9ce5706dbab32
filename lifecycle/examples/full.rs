//! Probes over HTTP, a watchdog, and a worker that is restarted with its dependent.
//! With the argument `fail`, the restarts do not help.
#![expect(clippy::print_stdout, reason = "an example shows what happens")]

use lifecycle::{ComponentExt, Fixed, Health, Restart, Supervisor, Watchdog, admin, worker};

#[tokio::main]
async fn main() -> std::process::ExitCode {
    let (health, second) = (Health::new(), std::time::Duration::from_secs(1));
    let mut left = if std::env::args().len() > 1 { 9 } else { 2 };
    let feed = worker("feed", move |cx| {
        left -= 1;
        async move {
            (left < 0).then_some(()).ok_or("the feed broke off")?;
            println!("the feed flows");
            cx.stopping().await;
            Ok(())
        }
    });
    let reader = worker("reader", |cx| async move {
        println!("the reader reads");
        cx.stopping().await;
        Ok(())
    });
    let restart = Restart::new(3, 60 * second, Fixed::every(second / 20)).with_dependents();
    let supervisor = Supervisor::builder()
        .health(health.clone())
        .add(admin::Server::new(([127, 0, 0, 1], 0).into(), health))
        .add(Watchdog::new(5 * second).stops_before(["admin"]))
        .add(feed.restart(restart))
        .add(reader.after(["feed"]));
    let supervisor = supervisor.termination_delay(second / 10).build();
    supervisor.expect("four names").run().await.into()
}
