//! Values that are sampled periodically, as a component.

use std::time::Duration;

use async_trait::async_trait;
use tokio::time::{MissedTickBehavior, interval};

use crate::{
    Component, Error, RunContext,
    panic::{Panic, catch},
};

/// One value at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// Unit included, as `queue_depth_jobs`.
    pub name: &'static str,
    pub tags: Vec<(&'static str, String)>,
    pub value: f64,
}

type Producer = Box<dyn FnMut() -> f64 + Send>;

/// Asks its producers for their values periodically, and hands the samples to a sink.
///
/// The producers are called one after the other, so they should answer at once: a length, a counter.
/// One that panics is left out of that round, with a warning; the others are sampled all the same.
///
/// ```
/// # use std::time::Duration;
/// use lifecycle::{Gauges, Sample};
///
/// let gauges = Gauges::new(Duration::from_secs(10), |sample: &Sample| println!("{sample:?}"))
///     .gauge("queue_depth_jobs", [("queue", "mail")], || 42.0);
/// ```
pub struct Gauges {
    interval: Duration,
    sink: Box<dyn FnMut(&Sample) + Send>,
    gauges: Vec<(Sample, Producer)>,
}

impl Gauges {
    /// The name of the component.
    pub const NAME: &str = "gauges";

    /// Without producers yet.
    pub fn new(interval: Duration, sink: impl FnMut(&Sample) + Send + 'static) -> Self {
        Self {
            interval,
            sink: Box::new(sink),
            gauges: Vec::new(),
        }
    }

    /// One more value.
    #[must_use]
    pub fn gauge<V: Into<String>>(
        mut self,
        name: &'static str,
        tags: impl IntoIterator<Item = (&'static str, V)>,
        producer: impl FnMut() -> f64 + Send + 'static,
    ) -> Self {
        let tags = tags.into_iter().map(|(key, value)| (key, value.into()));
        let sample = Sample {
            name,
            tags: tags.collect(),
            value: 0.0,
        };
        self.gauges.push((sample, Box::new(producer)));
        self
    }

    fn sample(&mut self) {
        for (sample, producer) in &mut self.gauges {
            match catch(producer) {
                Ok(value) => sample.value = value,
                Err(Panic(message)) => {
                    tracing::warn!(gauge = sample.name, message, "a gauge panicked");
                    continue;
                }
            }
            if let Err(Panic(message)) = catch(|| (self.sink)(sample)) {
                tracing::warn!(
                    gauge = sample.name,
                    message,
                    "the sink of the gauges panicked"
                );
            }
        }
    }
}

#[async_trait]
impl Component for Gauges {
    fn name(&self) -> &str {
        Self::NAME
    }

    fn load(&mut self) -> Result<(), Error> {
        match self.interval.is_zero() {
            true => Err(Error::new("the interval of the gauges is zero")),
            false => Ok(()),
        }
    }

    async fn run(&mut self, cx: &RunContext) -> Result<(), Error> {
        let mut ticks = interval(self.interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let sampling = async {
            loop {
                ticks.tick().await;
                self.sample();
            }
        };
        cx.token().run_until_cancelled(sampling).await;
        Ok(())
    }
}
