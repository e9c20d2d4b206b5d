//! The kit is tested too: backends that are wrong in one way each, and the case that must catch it.
//!
//! `cargo test --test conformance_broken -- --nocapture` prints the table.

#![allow(clippy::unwrap_used, reason = "a lock that no panic poisons")]
#![allow(clippy::print_stdout, reason = "the table is what people run this for")]

mod actors;
mod ends;
mod faulty;
mod nesting;
mod resources;
mod tasks;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chia_conformance::{Factory, Instance, Layout, Outcome, Suite};
use chia_dispatch::Result;
use chia_local::LocalBackend;
use faulty::{Deferring, Fault, Faulty, FaultyHost};

/// Starts the in-process backend with one fault.
struct Broken {
    fault: fn() -> Arc<dyn Fault>,
    limit: Duration,
}

#[async_trait]
impl Factory for Broken {
    async fn start(&self, layout: Layout) -> Result<Instance> {
        let fault = (self.fault)();
        let host = FaultyHost { host: chia_conformance::host(), fault: Arc::clone(&fault) };
        let mut builder = LocalBackend::builder();
        for (number, capacity) in layout.nodes().into_iter().enumerate() {
            builder = builder.node(format!("node-{number}"), capacity);
        }
        let local = builder.start(Arc::new(host))?;
        let inner = Arc::new(Deferring(local.clone()));
        Ok(Instance::new(Faulty { inner, fault }))
    }

    fn case_limit(&self) -> Duration {
        self.limit
    }
}

/// How a fault shows.
enum Shows {
    /// The case fails with this in its message.
    Fails(&'static str),
    /// The case hangs, and its message names this.
    Hangs(&'static str),
}
use Shows::{Fails, Hangs};

impl Shows {
    /// Runs the case with and without the fault.
    fn check(self, name: &str, fault: fn() -> Arc<dyn Fault>, case: &str) {
        let whole = Broken { fault: || Arc::new(NoFault), limit: Duration::from_secs(120) };
        let whole = Suite::new(whole).run(case);
        assert_eq!(whole, Outcome::Passed, "the case fails without the fault");
        let (reason, seconds) = match self {
            Self::Fails(reason) => (reason, 120),
            Self::Hangs(reason) => (reason, 3),
        };
        let broken = Broken { fault, limit: Duration::from_secs(seconds) };
        let Outcome::Failed(why) = Suite::new(broken).run(case) else {
            panic!("{name} is not caught by {case}");
        };
        println!("{name:40} {case:56} {}", why.lines().next().unwrap_or_default());
        assert!(why.contains(reason), "caught for another reason: {why}");
        assert_eq!(why.starts_with("hung"), matches!(self, Self::Hangs(_)), "{why}");
    }
}

/// Without a fault the wrapper is a right backend: what the faults below show is theirs.
struct NoFault;
impl Fault for NoFault {}

/// For each fault a test: the case fails, for this reason, and passes without the fault.
macro_rules! faults {
    ($($test:ident: $fault:ty => $case:literal, $shows:expr;)*) => {
        $(#[test]
        fn $test() {
            $shows.check(stringify!($test), || Arc::new(<$fault>::default()), $case);
        })*

        /// The list grows, and names cases that exist.
        #[test]
        fn each_fault_has_its_case() {
            let cases = [$($case),*];
            let known: Vec<_> = chia_conformance::case_names().collect();
            assert!(cases.iter().all(|case| known.contains(case)));
            assert!(cases.len() >= 45, "{} faults", cases.len());
        }
    };
}

faults! {
    runs_tasks_twice: tasks::RunsTasksTwice
        => "tasks::a_task_runs_once", Fails("ran 2 times");
    submit_waits_for_the_end: tasks::SubmitWaitsForTheEnd
        => "tasks::submit_does_not_wait", Hangs("submit");
    last_in_first_out: tasks::LastInFirstOut
        => "tasks::same_demand_starts_in_order", Fails("out of order");
    runs_one_at_a_time: tasks::RunsOneAtATime
        => "tasks::tasks_overlap", Hangs("here");
    get_consumes: tasks::GetConsumes
        => "tasks::a_result_is_fetched_by_many", Fails("fetched before");
    all_is_ready: tasks::AllIsReady
        => "tasks::readiness_is_reported", Fails("a running task's result is ready");
    has_a_short_queue: tasks::HasAShortQueue
        => "tasks::ten_thousand_are_in_flight", Fails("the queue is full");
    shares_the_first_blob: tasks::SharesTheFirstBlob
        => "tasks::a_shared_blob_arrives", Fails("did not get its shared blob");
    forgets_the_shared_blob: tasks::ForgetsTheSharedBlob
        => "tasks::a_shared_blob_arrives", Fails("did not get its shared blob");
    reverses_arguments: tasks::ReversesArguments
        => "arguments::arguments_arrive_in_order", Fails("zero");
    loses_the_failure_of_an_argument: tasks::LosesTheFailureOfAnArgument
        => "arguments::a_failed_argument_fails_without_running", Fails("the task fails");
    holds_while_it_waits_for_arguments: tasks::HoldsWhileItWaitsForArguments
        => "arguments::waiting_for_arguments_holds_nothing", Hangs("get of object");
    swallows_panics: tasks::SwallowsPanics
        => "failures::a_panic_arrives_with_its_message", Fails("the task fails");
    loses_messages: tasks::LosesMessages
        => "failures::an_error_arrives_with_its_message", Fails("not its message");
    goes_down_with_a_panic: tasks::GoesDownWithAPanic
        => "failures::a_panic_leaves_the_backend_up", Fails("ShutDown");
    tries_errors_again: tasks::TriesErrorsAgain
        => "failures::failures_are_not_tried_again", Fails("an error was tried again");
    loses_the_place: tasks::LosesThePlace
        => "failures::an_error_says_where", Fails("not its node");
    drops_empty_values: tasks::DropsEmptyValues
        => "sizes::empty_values", Fails("no value");
    truncates_at_64_kib: tasks::TruncatesAt64KiB
        => "sizes::just_over_64_kib", Fails("the length changed");
    refuses_big_values: tasks::RefusesBigValues
        => "sizes::just_64_mib", Fails("the frame is too long");
    ignores_custom_resources: resources::IgnoresCustomResources
        => "resources::custom_amounts_are_never_exceeded", Fails("at once where 2 fit");
    ignores_the_cpu: resources::IgnoresTheCpu
        => "resources::cpus_are_never_exceeded", Fails("at once where 1 fit");
    rounds_up_fractions: resources::RoundsUpFractions
        => "resources::fractions_share_a_whole", Hangs("half");
    adds_a_cpu: resources::AddsACpu
        => "resources::no_demand_always_fits", Hangs("get of object");
    queues_the_infeasible: resources::QueuesTheInfeasible
        => "resources::the_infeasible_is_refused_at_once", Fails("a task was accepted");
    adds_up_the_nodes: resources::AddsUpTheNodes
        => "resources::amounts_of_nodes_do_not_add_up", Fails("a task was accepted");
    starves_big_demands: resources::StarvesBigDemands
        => "resources::a_big_demand_is_not_starved", Fails("thirty later tasks");
    ignores_placement: resources::IgnoresPlacement
        => "placement::a_chosen_node_is_kept", Fails("on another node than asked");
    ignores_where_a_resource_is: resources::IgnoresWhereAResourceIs
        => "placement::a_resource_leads_to_its_node", Fails("where its resource is not");
    takes_soft_for_hard: resources::TakesSoftForHard
        => "placement::a_soft_choice_gives_way", Fails("a task that some node can hold");
    takes_hard_for_soft: resources::TakesHardForSoft
        => "placement::a_node_that_can_never_hold_it_is_refused", Fails("a task was accepted");
    packs_what_is_to_be_spread: resources::PacksWhatIsToBeSpread
        => "placement::spread_uses_both_nodes", Fails("node-0");
    cancels_only_the_wait: ends::CancelsOnlyTheWait
        => "cancellation::a_running_async_body_is_dropped", Hangs("gone running");
    cancels_no_queued_task: ends::CancelsOnlyTheWait
        => "cancellation::a_queued_task_never_runs", Fails("cancelled in the queue");
    cancel_gives_nothing_back: ends::CancelsOnlyTheWait
        => "cancellation::cancelling_gives_back_what_was_held", Hangs("round 1");
    cancel_waits_for_the_body: ends::CancelWaitsForTheBody
        => "cancellation::awaiters_are_notified_at_once", Hangs("an earlier get");
    cancel_takes_the_result: ends::CancelTakesTheResult
        => "cancellation::a_finished_task_keeps_its_result", Fails("cancelled");
    never_tells_the_body: ends::NeverTellsTheBody
        => "cancellation::a_running_blocking_body_is_notified", Hangs("notified");
    gives_away_at_once: ends::GivesAwayAtOnce
        => "cancellation::a_body_that_goes_on_keeps_what_it_holds", Fails("that still runs");
    cancels_no_queued_call: ends::CancelsOnlyTheWait
        => "actors::a_cancelled_call_never_runs", Fails("cancelled in the queue");
    cancels_the_whole_actor: ends::CancelsTheWholeActor
        => "actors::a_cancelled_call_leaves_its_actor", Fails("was killed");
    cancels_what_is_dropped: ends::CancelsWhatIsDropped
        => "drops::a_running_task_goes_on", Hangs("went on");
    cancels_with_a_dropped_get: ends::CancelsWithADroppedGet
        => "drops::a_dropped_get_is_harmless", Fails("result was there");
    shutdown_forgets_waiters: ends::ShutdownForgetsWaiters
        => "shutdown::waiters_are_notified", Hangs("an earlier get");
    shutdown_twice_fails: ends::ShutdownTwiceFails
        => "shutdown::later_calls_are_refused", Fails("shut down already");
    shutdown_only_refuses_calls: ends::ShutdownOnlyRefusesCalls
        => "shutdown::what_runs_is_ended", Hangs("gone task");
    serves_old_results: ends::ServesOldResults
        => "shutdown::results_are_gone", Fails("get of a result after shutdown");
    shutdown_waits_for_bodies: ends::ShutdownWaitsForBodies
        => "shutdown::a_stubborn_body_is_not_waited_for", Hangs("shutdown");
    makes_a_new_actor_each_time: actors::MakesANewActorEachTime
        => "actors::a_name_leads_to_the_living_one", Fails("ignored");
    looks_before_it_makes: actors::LooksBeforeItMakes
        => "actors::racing_creators_make_one", Fails("different actors");
    overlaps_ordered_calls: actors::OverlapsOrderedCalls
        => "actors::ordered_calls_never_overlap", Fails("calls at once where 1");
    shuffles_ordered_calls: actors::ShufflesOrderedCalls
        => "actors::ordered_calls_keep_their_order", Fails("calls ran out of order");
    serialises_concurrent_calls: actors::SerialisesConcurrentCalls
        => "actors::concurrent_calls_overlap", Hangs("here");
    knows_no_bound_of_concurrency: actors::KnowsNoBoundOfConcurrency
        => "actors::concurrent_calls_are_bounded", Fails("calls at once where 2");
    dies_of_a_failing_method: actors::DiesOfAFailingMethod
        => "actors::a_failing_method_fails_alone", Fails("ActorDied");
    forgets_the_arguments_of_calls: actors::ForgetsTheArgumentsOfCalls
        => "actors::methods_take_arguments_by_reference", Fails("the task fails");
    keeps_the_name_of_a_failed_actor: actors::KeepsTheNameOfAFailedActor
        => "actor_lives::a_failing_constructor_frees_the_name", Fails("TaskFailed");
    kills_nobody: actors::KillsNobody
        => "actor_lives::a_killed_actor_frees_its_name", Hangs("gone living");
    goes_by_name_alone: actors::GoesByNameAlone
        => "actor_lives::a_killed_actor_frees_its_name", Fails("answers no call");
    finds_nobody: actors::FindsNobody
        => "actor_lives::only_the_living_are_found", Fails("a living actor is found");
    keeps_actors_forever: actors::KeepsActorsForever
        => "actor_lives::the_last_reference_ends_it", Hangs("gone living");
    overtakes_pending_arguments: actors::OvertakesPendingArguments
        => "actors::a_pending_argument_keeps_its_turn", Fails("overtook");
    kills_with_the_last_reference: actors::KillsWithTheLastReference
        => "actor_lives::calls_are_done_before_the_end", Fails("was killed");
    ends_with_its_context: actors::EndsWithItsContext
        => "actor_lives::the_context_may_be_dropped", Fails("its context is gone");
    waiting_actors_hold_no_cpu: actors::ActorsHoldNothing
        => "nesting::a_waiting_actor_keeps_its_cpu", Fails("was given away");
    lets_actors_hang: nesting::LetsActorsHang
        => "nesting::an_actors_wait_for_itself_is_reported", Hangs("get of object");
    actors_hold_nothing: actors::ActorsHoldNothing
        => "actor_lives::an_actor_holds_its_resources", Fails("were given to a task");
    keeps_the_cpu_while_it_waits: nesting::KeepsTheCpuWhileItWaits
        => "nesting::five_deep_on_one_cpu", Hangs("get of object 0");
    gives_back_everything: nesting::GivesBackEverything
        => "nesting::a_waiting_task_keeps_the_rest", Fails("a slot was given away");
    queues_for_the_cpu_after_a_wait: nesting::QueuesForTheCpuAfterAWait
        => "nesting::a_waiting_task_goes_on_at_once", Hangs("went on");
    reports_no_deadlock: nesting::ReportsNoDeadlock
        => "nesting::a_wait_for_oneself_is_reported", Hangs("get of object 0");
    reports_deadlocks_too_soon: nesting::ReportsDeadlocksTooSoon
        => "nesting::a_wait_for_others_is_not", Fails("it takes too long");
    ends_the_children_with_the_parent: nesting::EndsTheChildrenWithTheParent
        => "nesting::a_child_outlives_its_parent", Hangs("child");
    nested_tasks_share_nothing: nesting::NestedTasksShareNothing
        => "loops::nested_calls_keep_the_rules", Fails("without its rules");
    keeps_the_rules_of_the_first_loop: tasks::SharesTheFirstBlob
        => "loops::rules_of_two_loops_stay_apart", Fails("does not begin with");
    runs_providers_anywhere: resources::IgnoresWhereAResourceIs
        => "loops::a_provider_runs_where_the_call_would", Fails("does not begin with");
    reaches_no_actor_from_outside: actors::FindsNobody
        => "loops::results_are_kept_and_replayed", Fails("cache");
}
