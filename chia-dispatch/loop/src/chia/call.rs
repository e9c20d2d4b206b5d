//! One call: what it takes, the decision, the dispatch.

use std::borrow::Cow;
use std::fmt;
use std::future::{Future, IntoFuture};
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::{Mutex, OnceLock};
use std::time::SystemTime;

use chia_bypass::{Decision, Gate, Mode, Outcome, Reason, With};
use chia_config::Location;
use chia_dispatch::backend::{Placement, Task};
use chia_dispatch::{Error, ErrorKind, Resources, Result, guarded};
use chia_services::codec::Value;
use tracing::{Instrument, Span};

use super::{Chia, Dispatched, Handle, run};
use crate::envelope::{Action, Envelope};
use crate::failure::next_serial;
use crate::record::{Entry, Request};
use crate::registry::{Callee, Slot};
use crate::ruleset::{Replacement, Rules};
use crate::span;

/// A call that was not dispatched yet: give it a tag, override its options, then
/// [`dispatch`](Self::dispatch) it, or `.await` it to dispatch and wait in one.
#[must_use = "a call does nothing until it is dispatched or awaited"]
pub struct Call<R> {
    chia: Chia,
    callee: Callee,
    args: Result<Vec<Slot>>,
    tag: Option<String>,
    auto_tag: bool,
    fresh: bool,
    labels: Vec<(String, String)>,
    result: PhantomData<fn() -> R>,
}

impl<R: Value> Call<R> {
    pub(super) fn new(chia: Chia, callee: Callee, args: Result<Vec<Slot>>) -> Self {
        Self {
            chia,
            callee,
            args,
            tag: None,
            auto_tag: false,
            fresh: false,
            labels: Vec::new(),
            result: PhantomData,
        }
    }

    /// Names this call for cache and bypass: the same tag on the next run means the same call.
    pub fn tag(mut self, tag: impl Into<String>) -> Self {
        self.tag = Some(tag.into());
        self
    }

    /// Makes the tag from the function, its version and its arguments, so that a call of the same
    /// needs no name. A [`tag`](Self::tag) beats it.
    pub fn tag_auto(mut self) -> Self {
        self.auto_tag = true;
        self
    }

    /// Runs the call although it would be replayed, and writes its result.
    pub fn fresh(mut self) -> Self {
        self.fresh = true;
        self
    }

    /// Attaches a label to the cached result. A label of the same name is replaced.
    pub fn label(mut self, name: impl Into<String>, value: impl fmt::Display) -> Self {
        let name = name.into();
        self.labels.retain(|(old, _)| *old != name);
        self.labels.push((name, value.to_string()));
        self
    }

    /// The name shown for this call where the backend shows tasks.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.callee.options.name = name.into();
        self
    }

    /// Replaces all that the call holds while it runs, its `cpu` included.
    pub fn resources(mut self, resources: impl Into<Resources>) -> Self {
        self.callee.options.resources = resources.into();
        self
    }

    /// Replaces the amount of one resource.
    ///
    /// # Panics
    /// When the amount is negative or not finite.
    #[track_caller]
    pub fn resource(mut self, name: &str, amount: f64) -> Self {
        let resources = std::mem::take(&mut self.callee.options.resources);
        self.callee.options.resources = resources.with(name.to_owned(), amount);
        self
    }

    /// How often it is run again after the death of its process or node.
    pub fn retries(mut self, retries: u32) -> Self {
        self.callee.options.retries = retries;
        self
    }

    /// Which node it runs on.
    pub fn placement(mut self, placement: Placement) -> Self {
        self.callee.options.placement = placement;
        self
    }

    /// The environment to run in, as JSON in the backend's terms (Ray's `runtime_env`).
    pub fn runtime_env(mut self, json: impl Into<String>) -> Self {
        self.callee.options.runtime_env = Some(json.into());
        self
    }

    /// Decides and dispatches the call. Returns when it is on its way, without waiting for it to run;
    /// an asynchronous condition is awaited first.
    ///
    /// # Errors
    /// [`NotRegistered`](ErrorKind::NotRegistered): the program does not register the function. The
    /// condition's error, an argument that cannot be encoded, [`Infeasible`](ErrorKind::Infeasible) resources, or a lost backend.
    pub async fn dispatch(self) -> Result<Handle<R>> {
        let span = span::call(self.callee.name, self.tag.as_deref());
        self.submit(span.clone()).instrument(span).await
    }

    async fn submit(self, span: Span) -> Result<Handle<R>> {
        let Self {
            chia, callee: Callee { name: function, mut options }, args, tag, labels, ..
        } = self;
        chia.count(function, |tally| tally.calls += 1);
        let rules = chia.rules();
        let known = chia.registry().find_function(function);
        let site = CallSite {
            chia: &chia,
            rules: &rules,
            span: &span,
            function,
            tag: tag.as_deref(),
            version: known.as_ref().ok().and_then(|known| known.identity.version),
            auto_tag: self.auto_tag || rules.makes_tags(function),
            fresh: self.fresh,
        };
        let refused = |error: Error, args: &[Slot]| {
            let entry = site.report(None, args, &options.resources);
            site.failed(entry, error)
        };
        // A worker has what its driver has: it would fail there too, after its wait for a node.
        let args = known.and(args).map_err(|error| refused(error, &[]))?;
        let decided = match site.decide(&args).await {
            Ok(decided) => decided,
            Err(error) => return Err(refused(error, &args)),
        };
        let entry = site.report(Some(&decided), &args, &options.resources);
        let failed = |error| site.failed(entry, error);
        let Decided { action, write, .. } = decided;
        let serial = next_serial();
        let envelope = Envelope {
            tag: tag.as_deref().map(Cow::Borrowed),
            action,
            auto_tag: site.auto_tag,
            write,
            call: entry.id,
            serial,
            from_reached: rules.bypass.from_reached(),
            labels: labels.iter().map(|(name, value)| (name.into(), value.into())).collect(),
            args: args.iter().map(Into::into).collect(),
        };
        let payload = envelope.encode().map_err(failed)?;
        if options.name.is_empty() {
            function.clone_into(&mut options.name);
        }
        let objects = args.iter().filter_map(|slot| match slot {
            Slot::Object(object) => Some(object.clone()),
            Slot::Value(_) => None,
        });
        let (dispatched, resources) = (SystemTime::now(), options.resources.clone());
        let task = Task {
            entry: function.to_owned(),
            payload,
            args: objects.collect(),
            shared: Some(rules.shared.clone()),
            options,
        };
        let object = chia.backend().submit(task).await.map_err(failed)?;
        let function = Some(function);
        let (outcome, span) = (OnceLock::new(), Mutex::new(span));
        Ok(Handle::new(Dispatched {
            chia,
            function,
            object,
            entry,
            serial,
            dispatched,
            resources,
            outcome,
            span,
        }))
    }
}

/// A call, as the rules see it.
struct CallSite<'a> {
    chia: &'a Chia,
    rules: &'a Rules,
    span: &'a Span,
    function: &'a str,
    tag: Option<&'a str>,
    version: Option<&'static str>,
    auto_tag: bool,
    fresh: bool,
}

/// What was decided about a call, and by what.
struct Decided {
    action: Action,
    /// Whether the result is written to the cache.
    write: bool,
    gate: Gate,
    rule: Option<Location>,
}

impl CallSite<'_> {
    /// Reports the call to the record of the run.
    fn report(&self, decided: Option<&Decided>, args: &[Slot], resources: &Resources) -> Entry {
        let request = Request {
            function: self.function,
            tag: self.tag,
            version: self.version,
            decided: decided.map(|decided| (decided.action, decided.gate)),
            rule: decided.and_then(|decided| decided.rule.clone()),
            args,
            resources,
        };
        span::decided(self.span, &request);
        self.chia.log().begin(&request)
    }

    /// Counts and reports a call that failed before it was under way.
    fn failed(&self, entry: Entry, error: Error) -> Error {
        self.chia.count_failure(self.function, &error);
        let error = error.in_function(self.function);
        span::failed(self.span, &error);
        self.chia.log().fail(entry, &error, Vec::new());
        error
    }

    /// Runs or replaces the call, and says whether its result is written: asks the condition where
    /// the rules leave it the last word (R5).
    async fn decide(&self, args: &[Slot]) -> Result<Decided> {
        let bypass = &self.rules.bypass;
        let decided = match self.fresh {
            true => bypass.decide_fresh(self.function, self.tag),
            false => bypass.decide(self.function, self.tag),
        };
        let decision = match decided {
            Decision::Ask(pending) => {
                let condition = pending.condition();
                let registered = self.chia.registry().find_condition(&condition.name)?;
                let site = self.chia.site(self.function, self.tag, &condition.capture);
                let asked = guarded(|| async { run(registered.body.invoke(site, args)?).await });
                let answer = asked.await.map_err(|error| {
                    let message = format!("its condition `{}` failed", condition.name);
                    Error::new(error.kind(), message).with_source(error)
                })?;
                pending.resolve(answer)
            }
            decided => decided,
        };
        self.span.record("chia.explanation", tracing::field::display(decision.reason()));
        self.notice(decision.reason())?;
        let write = self.should_cache(decision.reason());
        let (gate, rule) = (decision.reason().gate(), decision.reason().rule().cloned());
        let action = match decision {
            Decision::Replace(replacement) => match replacement.with() {
                With::Provider(Replacement::Provider(_), _) => Action::Provider,
                With::Provider(Replacement::Replay { or_fail }, _) => {
                    Action::Replay { or_fail: *or_fail || replacement.must_hit() }
                }
                With::Rehearsal(_) => Action::Rehearse,
                With::Data(_) => Action::File,
            },
            Decision::Run(_) | Decision::Ask(_) | Decision::Fail(_) => Action::Run,
        };
        Ok(Decided { action, write, gate, rule })
    }

    /// A bypassed function with nothing to replace it runs for real, and says so once; under strict
    /// rules, and in a run that demands replacements, it never runs (R8).
    fn notice(&self, reason: &Reason<'_>) -> Result<()> {
        let unreplaced = reason.gate() == Gate::NoReplacement && reason.overridden().is_none();
        if (unreplaced && self.rules.data.strict) || reason.outcome() == Outcome::Fail {
            return Err(Error::new(ErrorKind::Config, reason.to_string()));
        }
        if self.rules.bypass.first_notice(reason) {
            warn_user!(self.rules.data.quiet, function = self.function, "{reason}");
        }
        Ok(())
    }

    /// Whether the call would be written if it had a tag: it gets one on its worker.
    fn lacks_tag_alone(&self, reason: &Reason<'_>) -> bool {
        reason.gate() == Gate::TagMissing && self.rules.data.settings.mode() != Mode::Off
    }

    /// Whether the result goes into the cache (R11).
    fn should_cache(&self, reason: &Reason<'_>) -> bool {
        if self.rules.data.cache.is_none() || (self.tag.is_none() && !self.auto_tag) {
            return false;
        }
        let decision = self.rules.bypass.decide_write(reason);
        let reason = tracing::field::display(decision.reason());
        self.span.record("chia.cache.explanation", reason);
        decision.write() || (self.auto_tag && self.lacks_tag_alone(decision.reason()))
    }
}

impl<R: Value> IntoFuture for Call<R> {
    type Output = Result<R>;
    type IntoFuture = Pin<Box<dyn Future<Output = Result<R>> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move { self.dispatch().await?.get().await })
    }
}

impl<R> fmt::Debug for Call<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call")
            .field("function", &self.callee.name)
            .field("tag", &self.tag)
            .finish_non_exhaustive()
    }
}
