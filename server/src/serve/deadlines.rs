//! The worker that acts when a time has come: it cancels orders that nobody paid and releases
//! authorisations that lapsed.
//!
//! ```text
//!  read model: D · time · kind · id ─▶ what is due ─▶ CancelOrder, VoidPayment ─▶ log
//! ```
//!
//! It sends what any client could send, through a handler in its own process. The request ids
//! follow from the order, the kind and the due time, so any number of these workers do a thing once;
//! and what the view does not know yet, a payment of just now, the handler's guards do.

mod clock;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};
use std::ops::Bound;
use std::time::Duration;

use command::{Clock, CommandService};
use lifecycle::{Error, RunContext, async_trait};
use order::state::Payment;
use order::value::Timestamp;
use proto::row::Row;
use proto::v1;
use proto::v1::order_command_service_server::OrderCommandService as _;
use read_model::keys::{self, Key, Parts, deadline};
use read_model::{Reader, View};
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;
use tonic::{Code, Request, Status};

use clock::Steady;

/// How often the index is looked at; one range of one tree.
const TICK: Duration = Duration::from_secs(1);
/// Most of what is due that one look takes; the next look takes the rest.
const BATCH: usize = 1_000;
/// A refusal is met again after this long at first, and after twice as long each time.
const PAUSE: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(3_600));
/// Refusals remembered. Beyond that all are forgotten, which costs a request each.
const REFUSALS_MAX: usize = 10_000;

/// Runs the worker.
pub(super) struct Component {
    orders: Reader,
    commands: CommandService,
    clock: Clock,
    grace: Duration,
    refused: HashMap<Due, Pause>,
}

/// One entry of the index.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Due {
    time: Timestamp,
    kind: u8,
    order_id: String,
}

/// When a refused entry is tried again, and how long the wait after that is.
#[derive(Clone, Copy)]
struct Pause {
    until: Instant,
    next: Duration,
}

/// One command to send.
#[derive(Debug, PartialEq)]
enum Act {
    Cancel(v1::CancelOrderRequest),
    Void(v1::VoidPaymentRequest),
}

impl Component {
    /// Looks into the read model, sends to `commands`. `clock` must have run steadily for
    /// `grace` before it is believed.
    pub(super) fn new(
        orders: Reader,
        commands: CommandService,
        clock: Clock,
        grace: Duration,
    ) -> Self {
        Self {
            orders,
            commands,
            clock,
            grace,
            refused: HashMap::new(),
        }
    }

    /// Does what is due by `now`.
    async fn look(&mut self, now: Timestamp, stopping: &CancellationToken) -> Result<(), Failed> {
        let fresh = {
            let progress = self.orders.progress();
            let progress = progress.borrow();
            progress.caught_up && progress.trouble.is_none()
        };
        if !fresh {
            return Ok(());
        }
        let reader = self.orders.clone();
        let waiting = self.waiting();
        let read = move || {
            // Between two views nothing can be looked up; the next look finds it.
            let Ok(view) = reader.view() else {
                return Ok(Vec::new());
            };
            due(&view, now, |entry| !waiting.contains(entry))
        };
        let due = tokio::task::spawn_blocking(read)
            .await
            .map_err(Failed::of)?;
        for (entry, acts) in due.map_err(Failed::of)? {
            if stopping.is_cancelled() {
                return Ok(());
            }
            let mut refusal = None;
            for act in acts {
                match self.send(act).await {
                    Ok(()) => {}
                    Err(status) if passes(&status) => return Err(Failed::of(status)),
                    Err(status) => refusal = Some(status),
                }
            }
            match refusal {
                Some(status) => self.put_off(entry, &status),
                None => {
                    self.refused.remove(&entry);
                }
            }
        }
        Ok(())
    }

    async fn send(&self, act: Act) -> Result<(), Status> {
        let receipt = match act {
            Act::Cancel(request) => {
                let reply = self.commands.cancel_order(Request::new(request)).await?;
                reply.into_inner().receipt
            }
            Act::Void(request) => {
                let reply = self.commands.void_payment(Request::new(request)).await?;
                reply.into_inner().receipt
            }
        };
        if let Some(receipt) = receipt.filter(|receipt| !receipt.replayed) {
            tracing::info!(order_id = receipt.order_id, "sent a command that was due");
        }
        Ok(())
    }

    /// Entries whose time to be tried again has not come.
    fn waiting(&mut self) -> HashSet<Due> {
        let now = Instant::now();
        if self.refused.len() > REFUSALS_MAX {
            self.refused.clear();
        }
        self.refused.retain(|_, pause| now < pause.until + PAUSE.1);
        let waiting = self.refused.iter().filter(|(_, pause)| now < pause.until);
        waiting.map(|(entry, _)| entry.clone()).collect()
    }

    fn put_off(&mut self, entry: Due, status: &Status) {
        let wait = self.refused.get(&entry).map_or(PAUSE.0, |pause| pause.next);
        tracing::info!(
            order_id = entry.order_id,
            refusal = status.message(),
            retry_s = wait.as_secs(),
            "something due was refused"
        );
        let pause = Pause {
            until: Instant::now() + wait,
            next: (wait * 2).min(PAUSE.1),
        };
        self.refused.insert(entry, pause);
    }
}

#[async_trait]
impl lifecycle::Component for Component {
    fn name(&self) -> &str {
        super::name::DEADLINES
    }

    async fn run(&mut self, cx: &RunContext) -> Result<(), Error> {
        let mut clock = Steady::new(self.grace);
        let started = Instant::now();
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut trouble = Trouble::default();
        loop {
            tokio::select! {
                () = cx.stopping() => return Ok(()),
                _ = tick.tick() => {}
            }
            let Some(now) = clock.read((self.clock)(), started.elapsed()) else {
                continue;
            };
            if trouble.until.is_some_and(|until| Instant::now() < until) {
                continue;
            }
            match self.look(now, cx.token()).await {
                Ok(()) => trouble = Trouble::default(),
                Err(Failed(cause)) => trouble.meet(&cause),
            }
        }
    }
}

/// Why a look ended early: not because of one order.
struct Failed(String);

impl Failed {
    fn of(cause: impl std::fmt::Display) -> Self {
        Self(cause.to_string())
    }
}

/// What keeps the worker from doing anything: it steps back, and says so once.
#[derive(Default)]
struct Trouble {
    until: Option<Instant>,
    wait: Duration,
}

impl Trouble {
    /// Longest pause: about what an operator takes to look.
    const LONGEST: Duration = Duration::from_secs(60);

    fn meet(&mut self, cause: &str) {
        if self.until.is_none() {
            tracing::warn!(cause, "failed to do what is due; trying again");
        }
        self.wait = (self.wait * 2).clamp(TICK, Self::LONGEST);
        self.until = Some(Instant::now() + self.wait);
    }
}

/// Whether the service could not, for any order: everything else is about this one, also a history
/// that cannot be read, and must not hold up the others.
fn passes(status: &Status) -> bool {
    matches!(
        status.code(),
        Code::Unavailable | Code::DeadlineExceeded | Code::ResourceExhausted | Code::Cancelled
    )
}

/// The oldest entries whose time has come, with what is to be done about each.
fn due(
    view: &View,
    now: Timestamp,
    wanted: impl Fn(&Due) -> bool,
) -> Result<Vec<(Due, Vec<Act>)>, read_model::Error> {
    let first = Key::new(keys::DEADLINE).into_bytes();
    let end = now.micros().saturating_add(1);
    let end = Key::new(keys::DEADLINE).time(end).into_bytes();
    let mut found = Vec::new();
    for entry in view.range((Bound::Included(first), Bound::Excluded(end))) {
        let (key, _) = entry?;
        let Some(due) = Due::parse(&key).filter(&wanted) else {
            continue;
        };
        let row = view.get(&keys::row(&due.order_id))?;
        // The row may be newer than its index for a moment, or older: the handler decides.
        if let Some(Ok(row)) = row.map(|row| Row::decode(&row)) {
            let acts = due.acts(&row.order.payments);
            found.push((due, acts));
        }
        if found.len() == BATCH {
            break;
        }
    }
    Ok(found)
}

impl Due {
    fn parse(key: &[u8]) -> Option<Self> {
        let mut parts = Parts::of(key);
        let time = i64::try_from(parts.number()?).ok()?;
        Some(Self {
            time: Timestamp::from_micros(time),
            kind: parts.byte()?,
            order_id: parts.rest()?.to_owned(),
        })
    }

    fn acts(&self, payments: &[Payment]) -> Vec<Act> {
        match self.kind {
            deadline::PAYMENT_DUE => vec![Act::Cancel(v1::CancelOrderRequest {
                order_id: self.order_id.clone(),
                context: self.context("payment-due"),
                cancel_reason: v1::CancelReason::PaymentTimeout.into(),
            })],
            deadline::AUTHORIZATION_EXPIRES => {
                let numbered = payments.iter().zip(1_u32..);
                let lapsed = numbered.filter(|(payment, _)| {
                    payment.expire_time == Some(self.time) && !payment.open().is_zero()
                });
                let void = |(payment, number): (&Payment, u32)| {
                    Act::Void(v1::VoidPaymentRequest {
                        order_id: self.order_id.clone(),
                        context: self.context(&format!("authorization-{number}")),
                        payment_id: payment.payment_id.to_string(),
                        psp_reference: String::new(),
                    })
                };
                lapsed.map(void).collect()
            }
            _of_a_newer_layout => Vec::new(),
        }
    }

    /// Equal on every node and at every try, so that all of them are one request.
    fn context(&self, kind: &str) -> Option<v1::CommandContext> {
        Some(v1::CommandContext {
            request_id: format!("deadline:{kind}:{}", self.time.micros()),
            actor: Some(v1::Actor {
                kind: v1::ActorKind::Service.into(),
                actor_id: "deadlines".to_owned(),
            }),
            ..v1::CommandContext::default()
        })
    }
}
