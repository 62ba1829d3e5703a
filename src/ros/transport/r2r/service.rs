//! Services: typed on rcl's side, CDR bytes on ours.

use super::spinner::{Incoming, Thread};
use super::unpanicked;
use crate::ros::transport::{Answer, Reply};
use ::r2r::{
    Node, QosProfile, ServiceRequest, WrappedServiceTypeSupport as ServiceType, WrappedTypesupport,
};
use futures::{FutureExt, StreamExt};
use std::sync::mpsc;

/// A service as it was asked for.
pub(super) struct Offer<'a> {
    pub name: &'a str,
    pub answer: Answer,
}

/// Offers a service of type `T`, with a thread of its own that answers.
pub(super) fn serve<T: ServiceType + Send + 'static>(
    node: &mut Node,
    offer: Offer<'_>,
) -> ::r2r::Result<Incoming>
where
    T::Request: Send,
{
    let mut stream = node.create_service::<T>(offer.name, QosProfile::services_default())?;
    let (sender, requests) = mpsc::channel::<ServiceRequest<T>>();
    let (name, answer) = (offer.name.to_owned(), offer.answer);
    let work = move || {
        for request in requests {
            answer_one(&name, request, &answer);
        }
    };
    let thread = std::thread::Builder::new()
        .name(offer.name.to_owned())
        .spawn(work)
        .map_err(|_| ::r2r::Error::RCL_RET_BAD_ALLOC)?;
    let hand_on = Box::new(move || {
        while let Some(Some(request)) = stream.next().now_or_never() {
            // The thread ends only after this.
            let _ = sender.send(request);
        }
    });
    Ok(Incoming { hand_on, thread: Some(Thread(Some(thread))) })
}

fn answer_one<T: ServiceType + 'static>(name: &str, request: ServiceRequest<T>, answer: &Answer) {
    let cdr = match unpanicked(|| request.message.to_serialized_bytes()) {
        Ok(cdr) => cdr,
        Err(reason) => {
            tracing::warn!("{name}: a request cannot be read: {reason}");
            return;
        }
    };
    let of = name.to_owned();
    let reply = Reply::new(move |response: Vec<u8>| {
        let send = || request.respond(T::Response::from_serialized_bytes(&response)?);
        if let Err(reason) = unpanicked(send) {
            tracing::warn!("{of}: not sent: {reason}");
        }
    });
    answer(&cdr, reply);
}
