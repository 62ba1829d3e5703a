//! The services the node offers. Each runs on a thread of the transport; what concerns the map is
//! done by the thread that owns it.

use super::NodeError;
use super::inbox::Inbox;
use super::jobs::{JobCell, Question};
use super::map_request::{FileTask, MapRequest};
use super::newest::Newest;
use super::text_search::TextSearch;
use super::view::View;
use crate::planner::{Command, facts};
use crate::ros::srv::{
    Ask, AskRequest, AskResponse, DescribeScene, DescribeSceneRequest, DescribeSceneResponse,
    ERROR_NONE, ExportMap, FileRequest, LoadMap, MapFileResponse, ResetMap, ResetMapResponse,
    SaveMap, Service,
};
use crate::ros::transport::{Opened, Reply, Transport};
use crate::ros::{NodeNames, from_cdr, to_cdr};
use crate::scene::ObjectId;
use crate::tasks::Answer;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::time::Duration;

/// How long a service waits for the map; a large one takes seconds to write.
const PATIENCE: Duration = Duration::from_secs(60);

/// Offers all services.
pub fn offer(
    transport: &dyn Transport,
    names: &NodeNames,
    (map, jobs): (&Arc<Inbox<MapRequest>>, &Arc<JobCell>),
    view: &Arc<Newest<View>>,
    search: Option<&TextSearch>,
    frame_id: &str,
) -> Result<Vec<Opened>, NodeError> {
    let (seen, frame, model) = (Arc::clone(view), frame_id.to_owned(), Arc::clone(jobs));
    let search = search.cloned();
    // What the list of objects can answer, it answers, with ids and positions; the model the rest.
    let answer = move |mut request: AskRequest| {
        if let Some(words) = &model.vocabulary {
            request.question = words.in_names(&request.question, &seen.get().objects);
        }
        let fact = ask(&request, &seen, search.as_ref(), &frame);
        let is_open = fact.error_code == AskResponse::ERROR_NOT_UNDERSTOOD;
        let is_for_model = is_open && model.abilities.asks && is_of_scene(&request.question);
        if is_for_model { ask_model(request, &model) } else { Some(fact) }
    };
    let mut opened = vec![serve::<Ask>(transport, names, "~/ask", answer)?];
    let (seen, frame) = (Arc::clone(view), frame_id.to_owned());
    let answer = move |request| Some(describe(request, &seen, &frame));
    opened.push(serve::<DescribeScene>(transport, names, "~/describe_scene", answer)?);
    let inbox = Arc::clone(map);
    opened.push(serve::<ResetMap>(transport, names, "~/reset_map", move |_| reset(&inbox))?);
    opened.push(serve_file::<SaveMap>(transport, names, "~/save_map", FileTask::Save, map)?);
    opened.push(serve_file::<LoadMap>(transport, names, "~/load_map", FileTask::Load, map)?);
    opened.push(serve_file::<ExportMap>(transport, names, "~/export_map", FileTask::Export, map)?);
    Ok(opened)
}

/// Offers a service; `answer` gives no response when it cannot be had in time.
pub(super) fn serve<S: Service>(
    transport: &dyn Transport,
    names: &NodeNames,
    name: &str,
    answer: impl Fn(S::Request) -> Option<S::Response> + Send + Sync + 'static,
) -> Result<Opened, NodeError> {
    let name = names.resolve(name)?;
    let called = name.clone();
    let answer = move |cdr: &[u8], reply: Reply| match from_cdr::<S::Request>(cdr) {
        Ok(request) => {
            if let Some(response) = answer(request) {
                reply.send(to_cdr(&response));
            }
        }
        Err(error) => tracing::warn!("{called}: a request cannot be read: {error}"),
    };
    Ok(transport.serve(&name, S::TYPE, Box::new(answer))?)
}

fn serve_file<S: Service<Request = FileRequest, Response = MapFileResponse>>(
    transport: &dyn Transport,
    names: &NodeNames,
    name: &str,
    task: FileTask,
    map: &Arc<Inbox<MapRequest>>,
) -> Result<Opened, NodeError> {
    let map = Arc::clone(map);
    serve::<S>(transport, names, name, move |request| {
        let (reply, answer) = sync_channel(1);
        map.ask(MapRequest::File(task, request.path.into(), reply)).ok()?;
        answer.recv_timeout(PATIENCE).ok()
    })
}

fn reset(map: &Inbox<MapRequest>) -> Option<ResetMapResponse> {
    let (reply, answer) = sync_channel(1);
    map.ask(MapRequest::Reset(reply)).ok()?;
    answer.recv_timeout(PATIENCE).ok()
}

/// Whether a question may be about the scene. Of a plan, or of what to say to a greeting, a service that
/// keeps no dialogue knows nothing, and a model would make something up.
fn is_of_scene(question: &str) -> bool {
    use Command::{Courtesy, ForgetMap, Plan, Stop};
    !matches!(Command::of(question), Plan(_) | Courtesy(_) | ForgetMap | Stop)
}

/// The model's answer; none when it cannot be had in time.
fn ask_model(request: AskRequest, jobs: &JobCell) -> Option<AskResponse> {
    let (reply, answer) = sync_channel(1);
    jobs.ask(Question::Ask(request.question, reply)).ok()?;
    let refuse =
        |error_code, error_msg| AskResponse { error_code, error_msg, ..AskResponse::default() };
    Some(match answer.recv_timeout(PATIENCE).ok()? {
        Ok(Answer { unknown: Some(reason), .. }) => refuse(AskResponse::ERROR_NOT_FOUND, reason),
        Ok(answer) => AskResponse {
            answer: answer.words,
            object_ids: numbers(&answer.objects),
            error_code: ERROR_NONE,
            error_msg: String::new(),
        },
        Err(reason) => refuse(AskResponse::ERROR_NOT_UNDERSTOOD, reason),
    })
}

fn ask(
    request: &AskRequest,
    view: &Newest<View>,
    search: Option<&TextSearch>,
    frame_id: &str,
) -> AskResponse {
    let refuse = |error_code, error_msg: String| AskResponse {
        error_code,
        error_msg,
        ..AskResponse::default()
    };
    let objects = &view.get().objects;
    let fact = match Command::of(&request.question) {
        Command::Describe => Some(facts::describe(objects, 0)),
        Command::Count(name) => facts::count(objects, &name),
        Command::Where(name) => {
            let known = facts::whereabouts(objects, &name, frame_id);
            let found = known.or_else(|| search?.whereabouts(&name, PATIENCE));
            if found.is_none() {
                return refuse(AskResponse::ERROR_NOT_FOUND, facts::unknown(objects, &name));
            }
            found
        }
        _ => None,
    };
    let Some(fact) = fact else {
        let reason = "ask what is there, where something is, or how many there are";
        return refuse(AskResponse::ERROR_NOT_UNDERSTOOD, reason.into());
    };
    AskResponse {
        answer: fact.words,
        object_ids: numbers(&fact.objects),
        error_code: ERROR_NONE,
        error_msg: String::new(),
    }
}

fn describe(
    request: DescribeSceneRequest,
    view: &Newest<View>,
    frame_id: &str,
) -> DescribeSceneResponse {
    let max_objects = usize::try_from(request.max_objects).unwrap_or(usize::MAX);
    let fact = facts::describe(&view.get().objects, max_objects);
    DescribeSceneResponse {
        description: fact.words,
        frame_id: frame_id.into(),
        object_ids: numbers(&fact.objects),
    }
}

fn numbers(ids: &[ObjectId]) -> Vec<u32> {
    ids.iter().map(|id| id.0).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(question: &str) -> AskResponse {
        let request = AskRequest { question: question.into() };
        ask(&request, &Newest::default(), None, "map")
    }

    #[test]
    fn an_empty_map_answers_with_facts_or_a_typed_refusal() {
        assert_eq!(asked("how many mugs are there?").answer, "0 in the map");
        assert_eq!(asked("where is the mug?").error_code, AskResponse::ERROR_NOT_FOUND);
        let other = asked("who are you?");
        assert_eq!(other.error_code, AskResponse::ERROR_NOT_UNDERSTOOD);
        assert_eq!(other.answer, "");
    }

    #[test]
    fn a_model_is_asked_of_the_scene_alone() {
        for other in ["what is the plan?", "why", "status", "hello", "stop", "forget the map"] {
            assert_eq!(asked(other).error_code, AskResponse::ERROR_NOT_UNDERSTOOD, "{other}");
            assert!(!is_of_scene(other), "{other}");
        }
        for question in ["is the mug clean?", "who are you?", "tell me of the sink"] {
            assert!(is_of_scene(question), "{question}");
        }
    }
}
