//! Histories as the command side would have written them: every commit was decided.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use event_store::{CommitId, NewRecord, Position, Record, StreamId};
use order::command::{
    Annotate, AuthorizePayment, CancelItems, CancelOrder, CapturePayment, CloseShipment, Create,
    Edit, EditAction, Hold, LineQuantity, NewLine, Place, ReceiveReturn, RefundPayment, Release,
    RequestReturn, ShipItems,
};
use order::value::{
    Actor, ActorId, ActorKind, CancelReason, Channel, Currency, Customer, CustomerId, HoldReason,
    LineId, Money, OrderId, PaymentId, PaymentTerms, PspReference, Quantity, RatePpm, RefundKind,
    ReturnId, ReturnReason, ShipmentId, ShipmentOutcome, Tag, Timestamp,
};
use order::{Command, Moment, Order, decide};
use proto::commit::{self, Commit};

/// 2011-01-01, in microseconds.
const EPOCH: i64 = 1_293_840_000_000_000;

/// Random numbers that are the same in every run: splitmix64.
#[derive(Clone, Debug)]
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }

    fn units(&mut self, n: u32) -> u32 {
        u32::try_from(self.below(u64::from(n))).expect("small")
    }
}

/// One order on its way.
#[derive(Clone, Debug)]
struct Open {
    order: Option<Order>,
    hash: Option<[u8; 32]>,
}

/// Writes commits of many orders, as they would stand in a log.
#[derive(Clone, Debug)]
pub(crate) struct Writer {
    dice: Dice,
    orders: BTreeMap<String, Open>,
    now: i64,
    pub(crate) commits: Vec<(StreamId, Commit, Vec<u8>)>,
}

impl Writer {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            dice: Dice::new(seed),
            orders: BTreeMap::new(),
            now: EPOCH,
            commits: Vec::new(),
        }
    }

    /// The order as it stands after all commits.
    pub(crate) fn order(&self, id: &str) -> Option<&Order> {
        self.orders.get(id)?.order.as_ref()
    }

    /// Decides a command and writes its commit; a refusal writes nothing.
    pub(crate) fn command(&mut self, id: &str, command: &Command) -> bool {
        self.now += 60_000_000 + i64::try_from(self.dice.below(1 << 33)).expect("small");
        let now = Timestamp::from_micros(self.now);
        let open = self.orders.entry(id.to_owned()).or_insert(Open {
            order: None,
            hash: None,
        });
        let Ok(events) = decide(open.order.as_ref(), command, Moment::at(now)) else {
            return false;
        };
        let number = self.commits.len() as u128 + 1;
        let commit = Commit {
            commit_id: number.to_be_bytes(),
            order_id: OrderId::new(id).expect("id"),
            first_version: open.order.as_ref().map_or(0, |order| order.version) + 1,
            occur_time: now,
            record_time: now,
            principal: "shop".to_owned(),
            actor: Some(Actor {
                kind: ActorKind::Staff,
                id: format!("u{}", number % 3).parse_text::<ActorId>(),
            }),
            reason: None,
            request_id: None,
            fingerprint: None,
            correlation_id: String::new(),
            traceparent: String::new(),
            previous_hash: open.hash,
            events,
        };
        let bytes = commit::encode(&commit).expect("nothing personal");
        commit::apply(&mut open.order, &commit);
        open.hash = Some(commit::hash(&bytes));
        let stream = StreamId::new(id).expect("id");
        self.commits.push((stream, commit, bytes));
        true
    }

    /// From here on another history than that of the same seed.
    pub(crate) fn command_elsewhere(&mut self) {
        self.now += 1;
    }

    /// Writes about `commits` commits of up to `orders` orders, each a random command.
    pub(crate) fn wander(&mut self, orders: u64, commits: usize) {
        let mut tries = 0;
        while self.commits.len() < commits && tries < commits * 20 {
            tries += 1;
            let id = format!("o{}", self.dice.below(orders));
            let command = self.any_command(&id);
            self.command(&id, &command);
        }
    }

    /// Writes orders that go the usual way, in waves, so that many are open at a time.
    pub(crate) fn usual(&mut self, orders: u64, lines: u32) {
        const WAVE: u64 = 1000;
        for wave in 0..orders.div_ceil(WAVE) {
            let ids = wave * WAVE..((wave + 1) * WAVE).min(orders);
            for step in 0..4 {
                for n in ids.clone() {
                    let id = format!("o{n}");
                    let command = self.usual_command(&id, step, lines);
                    assert!(self.command(&id, &command), "{id} {command:?}");
                }
            }
        }
    }

    fn usual_command(&mut self, id: &str, step: u32, lines: u32) -> Command {
        match step {
            0 => {
                let mut create = self.create(lines);
                create.place = Some(Place::default());
                Command::Create(Box::new(create))
            }
            1 => self.authorize(id, true),
            2 => self.ship_all(id),
            _ => Command::CloseShipment(CloseShipment {
                shipment_id: ShipmentId::new("S1").expect("id"),
                outcome: ShipmentOutcome::Delivered,
            }),
        }
    }

    pub(crate) fn create(&mut self, lines: u32) -> Create {
        let line = |n: u32, dice: &mut Dice| NewLine {
            line_id: None,
            sku: format!("2242{}", dice.below(40)).parse_text(),
            title: "SET OF 3 CAKE TINS".to_owned().parse_text(),
            quantity: Quantity::new(1 + dice.units(5) + n % 2).expect("quantity"),
            unit_price: gbp(i64::try_from(dice.below(900)).expect("small")),
            tax_rate: RatePpm::new(200_000).expect("rate"),
        };
        Create {
            channel: ["EIRE", "France", "United Kingdom"]
                .get(self.dice.units(4) as usize)
                .map(|name| Channel::new(name).expect("channel")),
            currency: Currency::new("GBP").expect("currency"),
            prices_include_tax: self.dice.below(2) == 0,
            terms: PaymentTerms::OnAccount,
            customer: Customer {
                id: (self.dice.below(3) > 0)
                    .then(|| format!("c{}", self.dice.below(50)).parse_text::<CustomerId>()),
                contact: None,
            },
            lines: (0..lines).map(|n| line(n, &mut self.dice)).collect(),
            shipping: None,
            discounts: Vec::new(),
            tags: BTreeSet::new(),
            metadata: BTreeMap::new(),
            related_order_id: None,
            place: None,
        }
    }

    fn authorize(&mut self, id: &str, capture: bool) -> Command {
        let balance = self
            .order(id)
            .map_or(0, |order| order.totals().balance.minor_units());
        let part = if capture { 1 } else { 1 + self.dice.below(2) };
        let amount = balance / i64::try_from(part).expect("small");
        Command::AuthorizePayment(AuthorizePayment {
            payment_id: None,
            amount: gbp(amount.max(1)),
            method: "card".to_owned().parse_text(),
            psp_reference: self.reference(),
            expire_time: (self.dice.below(2) == 0)
                .then(|| Timestamp::from_micros(self.now).plus_seconds(86_400 * 7)),
            capture,
        })
    }

    fn ship_all(&mut self, id: &str) -> Command {
        let open = |line: &order::state::Line| {
            line.quantity
                .saturating_sub(line.cancelled)
                .saturating_sub(line.shipped)
        };
        let items = self.order(id).map_or_else(Vec::new, |order| {
            let lines = order.lines.iter().filter(|line| !open(line).is_zero());
            lines
                .map(|line| LineQuantity {
                    line_id: line.line_id.clone(),
                    quantity: open(line),
                })
                .collect()
        });
        Command::ShipItems(ShipItems {
            shipment_id: None,
            items,
            carrier: "post".to_owned().parse_text(),
            tracking_number: format!("T{}", self.dice.next()).parse_text(),
        })
    }

    fn reference(&mut self) -> PspReference {
        format!("psp{}", self.dice.next()).parse_text()
    }

    fn some_items(&mut self) -> Vec<LineQuantity> {
        vec![LineQuantity {
            line_id: format!("L{}", 1 + self.dice.below(3)).parse_text(),
            quantity: Quantity::new(1 + self.dice.units(2)).expect("quantity"),
        }]
    }

    #[expect(clippy::too_many_lines, reason = "one arm for each command")]
    fn any_command(&mut self, id: &str) -> Command {
        let first = |prefix: char, dice: &mut Dice| format!("{prefix}{}", 1 + dice.below(2));
        match (self.order(id).is_none(), self.dice.below(20)) {
            (true, _) => {
                let lines = 1 + self.dice.units(3);
                let mut create = self.create(lines);
                create.place = (self.dice.below(2) == 0).then(Place::default);
                if self.dice.below(3) == 0 {
                    create.terms = PaymentTerms::Prepaid;
                    if let Some(place) = &mut create.place {
                        let due = Timestamp::from_micros(self.now).plus_seconds(86_400 * 30);
                        place.payment_due_time = Some(due);
                    }
                }
                Command::Create(Box::new(create))
            }
            (_, 0..=2) => Command::Place(Place::default()),
            (_, 3) => {
                let line = self.create(1).lines.remove(0);
                Command::Edit(Edit {
                    actions: vec![EditAction::AddLine(line)],
                })
            }
            (_, 4..=5) => {
                let capture = self.dice.below(2) == 0;
                self.authorize(id, capture)
            }
            (_, 6) => Command::CapturePayment(CapturePayment {
                payment_id: first('P', &mut self.dice).parse_text::<PaymentId>(),
                amount: gbp(1 + i64::try_from(self.dice.below(500)).expect("small")),
                psp_reference: self.reference(),
            }),
            (_, 7) => Command::RefundPayment(RefundPayment {
                payment_id: first('P', &mut self.dice).parse_text::<PaymentId>(),
                amount: gbp(1 + i64::try_from(self.dice.below(300)).expect("small")),
                kind: if self.dice.below(3) == 0 {
                    RefundKind::Goodwill
                } else {
                    RefundKind::Credit
                },
                return_id: None,
                psp_reference: self.reference(),
            }),
            (_, 8..=9) => self.ship_all(id),
            (_, 10) => Command::ShipItems(ShipItems {
                shipment_id: None,
                items: self.some_items(),
                carrier: "post".to_owned().parse_text(),
                tracking_number: format!("T{}", self.dice.next()).parse_text(),
            }),
            (_, 11..=12) => Command::CloseShipment(CloseShipment {
                shipment_id: first('S', &mut self.dice).parse_text::<ShipmentId>(),
                outcome: if self.dice.below(4) == 0 {
                    ShipmentOutcome::Failed
                } else {
                    ShipmentOutcome::Delivered
                },
            }),
            (_, 13) => Command::CancelItems(CancelItems {
                items: self.some_items(),
                cancel_reason: CancelReason::Customer,
            }),
            (_, 14) if self.dice.below(3) == 0 => Command::CancelOrder(CancelOrder {
                cancel_reason: CancelReason::Customer,
            }),
            (_, 15) => Command::RequestReturn(RequestReturn {
                return_id: None,
                items: self.some_items(),
                return_reason: ReturnReason::Defective,
            }),
            (_, 16) => Command::ReceiveReturn(ReceiveReturn {
                return_id: first('R', &mut self.dice).parse_text::<ReturnId>(),
                received: self.some_items(),
            }),
            (_, 17) => Command::Hold(Hold {
                hold_reason: HoldReason::FraudReview,
            }),
            (_, 18) => Command::Release(Release {
                hold_reason: HoldReason::FraudReview,
            }),
            _ => Command::Annotate(Annotate {
                add_tags: [Tag::new("vip").expect("tag")].into(),
                ..Annotate::default()
            }),
        }
    }

    /// What to append to a log.
    pub(crate) fn new_records(&self) -> impl Iterator<Item = (StreamId, NewRecord)> + '_ {
        self.commits.iter().map(|(stream, commit, bytes)| {
            let record = NewRecord {
                commit_id: CommitId(commit.commit_id),
                payload: bytes.clone().into(),
                label: String::new(),
            };
            (stream.clone(), record)
        })
    }

    /// The commits as a log of `partitions` would yield them.
    pub(crate) fn records(&self, partitions: u32) -> Vec<Record> {
        let mut last = BTreeMap::new();
        self.commits
            .iter()
            .map(|(stream, commit, bytes)| {
                let partition = stream.partition(partitions);
                let sequence: &mut u64 = last.entry(partition).or_default();
                *sequence += 1;
                Record {
                    stream: stream.clone(),
                    position: Position::new(partition, *sequence),
                    commit_id: CommitId(commit.commit_id),
                    payload: bytes.clone().into(),
                }
            })
            .collect()
    }

    #[allow(dead_code, reason = "the benchmark counts them")]
    pub(crate) fn events(&self) -> usize {
        self.commits.iter().map(|(_, c, _)| c.events.len()).sum()
    }
}

pub(crate) fn gbp(minor_units: i64) -> Money {
    Money {
        currency: Currency::new("GBP").expect("currency"),
        amount: order::value::Amount::new(minor_units).expect("amount"),
    }
}

/// Texts of the domain, in tests known to be valid.
pub(crate) trait ParseText {
    fn parse_text<T: FromText>(&self) -> T;
}

impl ParseText for String {
    #[track_caller]
    fn parse_text<T: FromText>(&self) -> T {
        T::from_text(self)
    }
}

pub(crate) trait FromText {
    fn from_text(text: &str) -> Self;
}

macro_rules! from_text {
    ($($name:ty),*) => {$(
        impl FromText for $name {
            #[track_caller]
            fn from_text(text: &str) -> Self {
                Self::new(text).expect("valid")
            }
        }
    )*};
}

from_text!(
    ActorId,
    CustomerId,
    LineId,
    PaymentId,
    ShipmentId,
    ReturnId,
    PspReference,
    order::value::Sku,
    order::value::Text
);
