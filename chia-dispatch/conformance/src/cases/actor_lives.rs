//! How actors begin and end, and what they hold meanwhile.

use std::sync::Arc;

use chia_dispatch::backend::{ActorRef, ActorSpec, Placement};
use chia_dispatch::{ErrorKind, Resources};

use crate::FAR;
use crate::case::{Case, nothing, slots};
use crate::script::{Script, Step, push};

fn demanding(mut spec: ActorSpec, resources: Resources) -> ActorSpec {
    spec.options.resources = resources;
    spec
}

/// Waits for what may take the backend a moment: that a name is free.
async fn name_is_free(case: &Case, name: &str) {
    let free = async {
        while case.find(name).await.is_some() {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    };
    case.during("the name to be free", free).await;
}

/// How a call fails, whether at once or when its result is asked for.
async fn call_error(case: &Case, actor: &ActorRef) -> ErrorKind {
    match case.backend.call_actor(actor, push("too late")).await {
        Ok(call) => case.get(&call).await.expect_err("a dead actor answers no call").kind(),
        Err(error) => error.kind(),
    }
}

/// A constructor's error is the creator's, and the name is free for the next.
pub(crate) async fn a_failing_constructor_frees_the_name(case: &Case) {
    let failing = [
        (case.script().fail("no ground to build on"), ErrorKind::TaskFailed),
        (case.script().panic("no ground to build on"), ErrorKind::Panicked),
    ];
    for (script, kind) in failing {
        let error = case.try_actor(script.actor("kit-actor")).await.expect_err("it cannot be made");
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.message().contains("no ground to build on"), "the message is lost: {error}");
        name_is_free(case, "kit-actor").await;
    }
    let actor = case.actor(case.script().actor("kit-actor")).await;
    assert_eq!(case.remembered(&actor).await, "");
}

/// A kind of actor that the host does not know is `NotRegistered`, and named.
pub(crate) async fn an_unknown_kind_is_reported(case: &Case) {
    let mut spec = case.script().actor("kit-actor");
    spec.kind = "kit_no_such_kind".to_owned();
    let error = case.try_actor(spec).await.expect_err("it cannot be made");
    assert_eq!(error.kind(), ErrorKind::NotRegistered, "{error}");
    assert!(error.message().contains("kit_no_such_kind"), "it does not name the kind: {error}");
}

/// Killing ends an actor for good; its name is free and the next one begins anew.
pub(crate) async fn a_killed_actor_frees_its_name(case: &Case) {
    let script = || case.script().mark("made").then(Step::Hold("living".to_owned()));
    let first = case.actor(script().actor("kit-actor")).await;
    let call = case.call(&first, push("forgotten")).await;
    case.value(&call).await;
    case.kill(&first).await;
    case.reached("gone living").await;
    assert_eq!(call_error(case, &first).await, ErrorKind::ActorDied);
    name_is_free(case, "kit-actor").await;
    case.kill(&first).await;
    let second = case.actor(script().actor("kit-actor")).await;
    assert_eq!(
        case.remembered(&second).await,
        "",
        "a new actor remembers the calls of the killed one"
    );
    assert_eq!(case.board.count("made"), 2);
    assert_eq!(
        call_error(case, &first).await,
        ErrorKind::ActorDied,
        "an old reference leads to the new actor"
    );
}

/// Calls under way fail with the actor, those behind them as well.
pub(crate) async fn killing_fails_the_calls_under_way(case: &Case) {
    let actor = case.actor(case.script().actor("kit-actor")).await;
    let running = case.call(&actor, case.script().wait("running").mark("went on").call()).await;
    let queued = case.call(&actor, case.script().mark("ran").call()).await;
    case.reached("running").await;
    let watches = [case.watch(&running), case.watch(&queued)];
    case.kill(&actor).await;
    for watch in watches {
        let error = case.watched(watch).await.expect_err("a call of a killed actor fails");
        assert_eq!(error.kind(), ErrorKind::ActorDied, "{error}");
    }
    case.reached("gone running").await;
    case.fence().await;
    case.assert_never("ran", "a queued call ran after its actor was killed");
    case.assert_never("went on", "a call went on after its actor was killed");
}

/// Names lead to living actors and to nothing else.
pub(crate) async fn only_the_living_are_found(case: &Case) {
    assert!(case.find("kit-actor").await.is_none(), "an actor was found that nobody made");
    let actor = case.actor(case.script().actor("kit-actor")).await;
    let call = case.call(&actor, push("here")).await;
    case.value(&call).await;
    let found = case.find("kit-actor").await.expect("a living actor is found");
    assert_eq!(case.remembered(&found).await, "here", "another actor was found");
    assert_eq!(found.name(), Some("kit-actor"));
    case.kill(&actor).await;
    name_is_free(case, "kit-actor").await;
}

/// Actors without a name are reached by their reference alone.
pub(crate) async fn unnamed_actors_are_apart(case: &Case) {
    let unnamed = || ActorSpec { name: None, ..case.script().actor("unused") };
    let (one, two) = (case.actor(unnamed()).await, case.actor(unnamed()).await);
    let call = case.call(&one, push("one")).await;
    case.value(&call).await;
    assert_eq!(case.remembered(&one).await, "one");
    assert_eq!(case.remembered(&two).await, "", "two unnamed actors are one");
    assert!(case.find("unused").await.is_none(), "an unnamed actor has a name");
}

/// An actor of the driver's lifetime ends with the last reference to it.
pub(crate) async fn the_last_reference_ends_it(case: &Case) {
    let script = case.script().then(Step::Hold("living".to_owned()));
    let actor = case.actor(demanding(script.actor("kit-actor"), case.layout.all_slots())).await;
    let clone = actor.clone();
    let call = case.call(&actor, push("kept")).await;
    case.value(&call).await;
    drop(actor);
    assert_eq!(case.remembered(&clone).await, "kept", "an actor ended before its last reference");
    drop(clone);
    case.reached("gone living").await;
    name_is_free(case, "kit-actor").await;
    let after = case.run(case.script().emit("free"), case.layout.all_slots()).await;
    assert_eq!(case.text(&after).await, "free");
}

/// An actor holds what it demanded while it lives.
pub(crate) async fn an_actor_holds_its_resources(case: &Case) {
    let all = case.layout.all_slots();
    let actor = case.actor(demanding(case.script().actor("kit-actor"), all.clone())).await;
    let call = case.call(&actor, push("here")).await;
    case.value(&call).await;
    let waiting = case.run(case.script().mark("waiting starts"), slots(1.0)).await;
    case.fence().await;
    case.assert_never("waiting starts", "a living actor's resources were given to a task");
    case.kill(&actor).await;
    case.value(&waiting).await;
    let task = case.run(case.script(), all).await;
    case.value(&task).await;
}

/// An actor whose creator gives up while it is constructed, as after a time-out, leaves nothing behind.
pub(crate) async fn an_actor_that_is_given_up_leaves_nothing(case: &Case) {
    let all = case.layout.all_slots();
    for name in [None, Some("kit-actor")] {
        let label = format!("constructing {name:?}");
        let spec = case.script().wait(&label).actor("kit-actor");
        let spec = ActorSpec { name: name.map(str::to_owned), ..demanding(spec, all.clone()) };
        let backend = Arc::clone(&case.backend);
        let creator = tokio::spawn(async move { backend.actor(spec).await });
        case.reached(&label).await;
        creator.abort();
        let given_up = case.during("the creator to give up", creator).await;
        assert!(given_up.is_err(), "its constructor waits");
        case.open(&label);
        let task = case.run(case.script(), all.clone()).await;
        case.value(&task).await;
        name_is_free(case, "kit-actor").await;
    }
}

/// An actor that no node could ever hold is refused at once, and its name stays free.
pub(crate) async fn an_infeasible_actor_is_refused(case: &Case) {
    let spec = demanding(case.script().mark("made").actor("kit-actor"), slots(1000.0));
    let error = case.try_actor(spec).await.expect_err("it can never be placed");
    assert_eq!(error.kind(), ErrorKind::Infeasible, "{error}");
    name_is_free(case, "kit-actor").await;
    case.assert_never("made", "an infeasible actor was made");
}

/// Placement and resources choose an actor's node as they do a task's.
pub(crate) async fn an_actor_is_placed_like_a_task(case: &Case) {
    let nodes = case.during("nodes", case.backend.nodes()).await.expect("nodes are known");
    let far = Resources::none().with(FAR, 1.0);
    let far = case.actor(demanding(case.script().actor("kit-far"), far)).await;
    assert_eq!(node_of(case, &far).await, nodes[1].id, "an actor lives where its resource is not");
    for node in &nodes {
        let mut spec = case.script().actor(&format!("kit-on-{}", node.id));
        spec.options.placement = Placement::Node { id: node.id.clone(), soft: false };
        let actor = case.actor(spec).await;
        assert_eq!(
            node_of(case, &actor).await,
            node.id,
            "an actor lives on another node than asked"
        );
    }
    let task = case.run(case.script(), nothing()).await;
    case.value(&task).await;
}

async fn node_of(case: &Case, actor: &ActorRef) -> String {
    let place: Script = case.script().then(Step::EmitPlace);
    let call = case.call(actor, place.call()).await;
    case.seen(&call).await.node
}

/// The calls that were made before the last reference was dropped are done before the actor ends.
pub(crate) async fn calls_are_done_before_the_end(case: &Case) {
    let script = case.script().then(Step::Hold("living".to_owned()));
    let actor = case.actor(script.actor("kit-actor")).await;
    let running = case.call(&actor, case.script().wait("open").call()).await;
    let queued = case.call(&actor, case.script().emit("done").call()).await;
    case.reached("open").await;
    drop(actor);
    case.fence().await;
    case.open("open");
    case.value(&running).await;
    assert_eq!(case.text(&queued).await, "done");
    drop((running, queued));
    case.reached("gone living").await;
}

/// An actor lives on, and holds what it holds, although its host drops the context.
pub(crate) async fn the_context_may_be_dropped(case: &Case) {
    let script = case.script().then(Step::ForgetContext);
    let actor = case.actor(demanding(script.actor("kit-actor"), case.layout.all_slots())).await;
    let waiting = case.run(case.script().mark("waiting starts"), slots(1.0)).await;
    let call = case.call(&actor, push("alive")).await;
    case.value(&call).await;
    case.fence().await;
    case.assert_never("waiting starts", "a living actor's resources were given to a task");
    assert_eq!(case.remembered(&actor).await, "alive");
    case.kill(&actor).await;
    case.value(&waiting).await;
}
