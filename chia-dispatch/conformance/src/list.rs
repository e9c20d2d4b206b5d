//! Which cases there are: the one list that the tests and the suite are made of.

use std::pin::Pin;

use super::Layout;
use super::case::Case;
use super::cases;
use super::suite::Need;

pub(super) struct CaseInfo {
    pub(super) name: &'static str,
    pub(super) layout: Layout,
    pub(super) need: Need,
    pub(super) body: Body,
}

type Body = for<'a> fn(&'a Case) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// The names of all cases, `group::case`.
pub fn case_names() -> impl Iterator<Item = &'static str> {
    cases().map(|case| case.name)
}

/// The sentence of the contract that a case checks: what a failure tells its reader.
pub(super) fn sentence(case: &str) -> String {
    let (group, name) = case.split_once("::").unwrap_or_default();
    let (above, _) = cases::source(group).split_once(&format!("fn {name}(")).unwrap_or_default();
    let lines: Vec<_> = above.lines().rev().skip(1).map_while(|l| l.strip_prefix("/// ")).collect();
    lines.into_iter().rev().collect::<Vec<_>>().join(" ")
}

/// Every case of this build.
pub(super) fn cases() -> impl Iterator<Item = &'static CaseInfo> {
    CASES.iter().chain(LOOP_CASES)
}

static CASES: &[CaseInfo] = crate::conformance_cases!(table);
static LOOP_CASES: &[CaseInfo] = crate::conformance_loop_cases!(table);

/// A `#[test]` for each case of the contract; takes an expression that makes a
/// [`Factory`](crate::Factory). Call it once in a module.
#[macro_export]
#[doc(hidden)]
macro_rules! conformance_tests {
    ($factory:expr) => {
        fn conformance_suite() -> &'static $crate::Suite {
            static SUITE: ::std::sync::OnceLock<$crate::Suite> = ::std::sync::OnceLock::new();
            SUITE.get_or_init(|| $crate::Suite::new($factory))
        }
        $crate::conformance_cases!(tests);
        $crate::conformance_loop_cases!(tests);
        #[test]
        fn conformance_totals() {
            conformance_suite().check_totals();
        }
        #[test]
        #[ignore = "started by the backend itself, as its worker processes"]
        fn conformance_worker_process() {
            conformance_suite().worker();
        }
    };
}

/// Expands one line of the list below, either to tests or to the table.
#[macro_export]
#[doc(hidden)]
macro_rules! conformance_expand {
    (tests $($group:ident { $($name:ident $layout:ident $need:ident,)* })*) => {
        $(mod $group {
            $(#[test]
            fn $name() {
                super::conformance_suite().check(concat!(stringify!($group), "::", stringify!($name)));
            })*
        })*
    };
    (table $($group:ident { $($name:ident $layout:ident $need:ident,)* })*) => {
        &[$($(CaseInfo {
            name: concat!(stringify!($group), "::", stringify!($name)),
            layout: Layout::$layout,
            need: Need::$need,
            body: |case| Box::pin(cases::$group::$name(case)),
        },)*)*]
    };
}

/// The list: each case, the layout that it needs and the capability that it is for.
#[macro_export]
#[doc(hidden)]
macro_rules! conformance_cases {
    ($kind:ident) => {
        $crate::conformance_expand! { $kind
            tasks {
                a_task_answers Small Nothing,
                submit_does_not_wait Small Nothing,
                same_demand_starts_in_order Small Nothing,
                tasks_overlap Wide Nothing,
                a_task_runs_once Wide Nothing,
                a_task_knows_its_place Wide Nothing,
                a_result_is_fetched_by_many Small Nothing,
                readiness_is_reported Small Nothing,
                ten_thousand_are_in_flight Wide Nothing,
                a_shared_blob_arrives Wide Nothing,
            }
            arguments {
                arguments_arrive_in_order Small Nothing,
                a_pending_argument_is_awaited Small Nothing,
                a_chain Small Nothing,
                a_diamond Wide Nothing,
                waiting_for_arguments_holds_nothing Small Nothing,
                a_failed_argument_fails_without_running Small Nothing,
                a_failure_goes_down_a_chain Small Nothing,
                an_argument_outlives_its_handle Small Nothing,
            }
            sizes {
                empty_values Small Nothing,
                one_byte Small Nothing,
                just_over_64_kib Small Nothing,
                just_64_mib Small Nothing,
            }
            failures {
                an_error_arrives_with_its_message Small Nothing,
                a_panic_arrives_with_its_message Small Nothing,
                a_panic_leaves_the_backend_up Small Nothing,
                failures_are_not_tried_again Small Nothing,
                failures_give_back_what_they_held Small Nothing,
                an_unknown_entry_is_reported Small Nothing,
                an_error_says_where Small Nothing,
                a_runtime_env_is_refused_where_there_is_none Small NoRuntimeEnv,
            }
            resources {
                what_does_not_fit_waits Small Nothing,
                custom_amounts_are_never_exceeded Small Nothing,
                cpus_are_never_exceeded Small Nothing,
                fractions_share_a_whole Small Nothing,
                a_demand_of_several_holds_each Small Nothing,
                no_demand_always_fits Small Nothing,
                the_infeasible_is_refused_at_once Small Nothing,
                an_unknown_resource_is_refused Small Nothing,
                amounts_of_nodes_do_not_add_up Two Nothing,
                a_big_demand_is_not_starved Wide Nothing,
                a_small_demand_is_not_starved Wide Nothing,
                nodes_have_what_they_were_given Two Nothing,
            }
            placement {
                a_resource_leads_to_its_node Two Nothing,
                a_chosen_node_is_kept Two Nothing,
                a_chosen_node_is_waited_for Two Nothing,
                a_node_that_can_never_hold_it_is_refused Two Nothing,
                a_soft_choice_gives_way Two Nothing,
                the_drivers_node_is_the_first Two Nothing,
                spread_uses_both_nodes Two Nothing,
                a_result_reaches_another_node Two Nothing,
            }
            cancellation {
                a_queued_task_never_runs Small Nothing,
                a_task_without_its_arguments_never_runs Small Nothing,
                a_running_async_body_is_dropped Small Nothing,
                a_running_blocking_body_is_notified Small Nothing,
                awaiters_are_notified_at_once Small Nothing,
                a_finished_task_keeps_its_result Small Nothing,
                cancelling_gives_back_what_was_held Small Nothing,
                dependants_of_a_cancelled_task_fail Small Nothing,
                a_body_that_goes_on_keeps_what_it_holds Small Nothing,
            }
            drops {
                a_running_task_goes_on Small Nothing,
                a_queued_task_runs Small Nothing,
                a_dropped_get_is_harmless Small Nothing,
            }
            actors {
                a_name_leads_to_the_living_one Small Nothing,
                racing_creators_make_one Small Nothing,
                racing_tasks_make_one Wide Nothing,
                ordered_calls_keep_their_order Small Nothing,
                ordered_calls_never_overlap Small Nothing,
                concurrent_calls_overlap Small Nothing,
                concurrent_calls_are_bounded Small Nothing,
                a_failing_method_fails_alone Small Nothing,
                a_panicking_method_fails_alone Small Nothing,
                an_unknown_method_is_reported Small Nothing,
                methods_take_arguments_by_reference Small Nothing,
                a_calls_result_is_passed_on Small Nothing,
                a_dropped_call_still_runs Small Nothing,
                a_pending_argument_keeps_its_turn Small Nothing,
                a_cancelled_call_never_runs Small Nothing,
                a_cancelled_call_leaves_its_actor Small Nothing,
            }
            actor_lives {
                a_failing_constructor_frees_the_name Small Nothing,
                an_unknown_kind_is_reported Small Nothing,
                a_killed_actor_frees_its_name Small Nothing,
                killing_fails_the_calls_under_way Small Nothing,
                only_the_living_are_found Small Nothing,
                unnamed_actors_are_apart Small Nothing,
                the_last_reference_ends_it Small Nothing,
                calls_are_done_before_the_end Small Nothing,
                the_context_may_be_dropped Small Nothing,
                an_actor_holds_its_resources Small Nothing,
                an_actor_that_is_given_up_leaves_nothing Small Nothing,
                an_infeasible_actor_is_refused Small Nothing,
                an_actor_is_placed_like_a_task Two Nothing,
            }
            nesting {
                five_deep_on_one_cpu Small Nothing,
                wide_on_one_cpu Small Nothing,
                a_waiting_task_gives_its_cpu Small Nothing,
                a_waiting_task_goes_on_at_once Small Nothing,
                a_waiting_task_keeps_the_rest Small Nothing,
                a_cpu_is_held_again_after_the_wait Small Nothing,
                a_wait_for_oneself_is_reported Small Nothing,
                a_wait_for_others_is_not Small Nothing,
                objects_are_made_and_passed_inside Small Nothing,
                actors_are_called_inside Small Nothing,
                an_actor_submits_tasks Small Nothing,
                a_waiting_actor_keeps_its_cpu Small Nothing,
                an_actors_wait_for_itself_is_reported Small Nothing,
                nested_failures_come_up Small Nothing,
                a_child_outlives_its_parent Small Nothing,
                a_child_is_cancelled_inside Small Nothing,
            }
            shutdown {
                waiters_are_notified Small Nothing,
                what_runs_is_ended Small Nothing,
                a_blocking_body_is_notified Small Nothing,
                later_calls_are_refused Small Nothing,
                results_are_gone Small Nothing,
                a_stubborn_body_is_not_waited_for Small Nothing,
            }
            crashes {
                an_abort_fails_alone Small Isolation,
                an_abort_gives_back_what_was_held Small Isolation,
                tasks_have_processes_of_their_own Wide Isolation,
                a_task_is_run_again Small Retries,
                retries_are_counted Small Retries,
                memory_is_a_limit Small Memory,
                an_actor_dies_with_its_process Small Isolation,
                an_actor_is_made_anew Small Restarts,
            }
        }
    };
}

/// The cases of whole loops; none without the feature `loop`.
#[cfg(feature = "loop")]
#[macro_export]
#[doc(hidden)]
macro_rules! conformance_loop_cases {
    ($kind:ident) => {
        $crate::conformance_expand! { $kind
            loops {
                a_provider_runs_where_the_call_would Two Nothing,
                nested_calls_keep_the_rules Two Nothing,
                nested_calls_of_failures_are_reported Two Nothing,
                rules_of_two_loops_stay_apart Two Nothing,
                rules_set_inside_end_with_the_task Two Nothing,
                results_are_kept_and_replayed Two Nothing,
                the_cache_is_one_for_all Two Nothing,
                a_dead_cache_fails_no_call Two Nothing,
                recorded_files_are_served Two Nothing,
                a_nested_call_reaches_the_first_to_run Two Nothing,
                an_overlay_reads_from_its_base Two Nothing,
                typed_methods_take_and_return_results Two Nothing,
            }
            freshness {
                a_different_argument_is_served_with_a_warning Two Nothing,
                a_checked_argument_that_differs_runs Two Nothing,
                each_change_decides_alone Two Nothing,
                another_file_content_runs Two Nothing,
                changed_rules_decide_anew Two Nothing,
            }
        }
    };
}

/// The cases of whole loops; none without the feature `loop`.
#[cfg(not(feature = "loop"))]
#[macro_export]
#[doc(hidden)]
macro_rules! conformance_loop_cases {
    ($kind:ident) => {
        $crate::conformance_expand! { $kind }
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_case_says_what_it_checks() {
        let silent: Vec<_> = case_names().filter(|case| sentence(case).is_empty()).collect();
        assert!(silent.is_empty(), "{silent:?}");
        let submit = "`submit` returns as soon as the task is accepted, never waits for it to run.";
        assert_eq!(sentence("tasks::submit_does_not_wait"), submit);
    }
}
