//! The types that `r2r` must know by name at compile time: services, and the feedback of actions.

use super::service::{self, Offer};
use super::spinner::Incoming;
use ::r2r::{Error, Node, PublisherUntyped, QosProfile, WrappedTypesupport};

/// Matches ROS 2's name of a service type to its Rust type.
macro_rules! services {
    ($node:expr, $offer:expr, $of:expr; $($(#[$when:meta])* $name:literal => $($part:ident)::+;)*) => {
        match $of {
            $($(#[$when])* $name => service::serve::<::r2r::$($part)::+::Service>($node, $offer),)*
            of => Err(Error::InvalidMessageType { msgtype: of.to_owned() }),
        }
    };
}

/// Offers a service of the type `of`.
#[rustfmt::skip]
pub(super) fn serve(node: &mut Node, offer: Offer<'_>, of: &str) -> ::r2r::Result<Incoming> {
    services! { node, offer, of;
        "action_msgs/srv/CancelGoal" => action_msgs::srv::CancelGoal;
        "lifecycle_msgs/srv/ChangeState" => lifecycle_msgs::srv::ChangeState;
        "lifecycle_msgs/srv/GetAvailableStates" => lifecycle_msgs::srv::GetAvailableStates;
        "lifecycle_msgs/srv/GetAvailableTransitions" => lifecycle_msgs::srv::GetAvailableTransitions;
        "lifecycle_msgs/srv/GetState" => lifecycle_msgs::srv::GetState;
        "rcl_interfaces/srv/DescribeParameters" => rcl_interfaces::srv::DescribeParameters;
        "rcl_interfaces/srv/GetParameterTypes" => rcl_interfaces::srv::GetParameterTypes;
        "rcl_interfaces/srv/GetParameters" => rcl_interfaces::srv::GetParameters;
        "rcl_interfaces/srv/ListParameters" => rcl_interfaces::srv::ListParameters;
        "rcl_interfaces/srv/SetParameters" => rcl_interfaces::srv::SetParameters;
        "rcl_interfaces/srv/SetParametersAtomically" => rcl_interfaces::srv::SetParametersAtomically;
        #[cfg(not(feature = "r2r-check"))]
        "scenellm/srv/Ask" => scenellm::srv::Ask;
        #[cfg(not(feature = "r2r-check"))]
        "scenellm/srv/DescribeScene" => scenellm::srv::DescribeScene;
        #[cfg(not(feature = "r2r-check"))]
        "scenellm/srv/ExportMap" => scenellm::srv::ExportMap;
        #[cfg(not(feature = "r2r-check"))]
        "scenellm/srv/LoadMap" => scenellm::srv::LoadMap;
        #[cfg(not(feature = "r2r-check"))]
        "scenellm/srv/ResetMap" => scenellm::srv::ResetMap;
        #[cfg(not(feature = "r2r-check"))]
        "scenellm/srv/SaveMap" => scenellm::srv::SaveMap;
        #[cfg(not(feature = "r2r-check"))]
        "scenellm/action/FollowInstruction_SendGoal" => scenellm::action::FollowInstruction::SendGoal;
        #[cfg(not(feature = "r2r-check"))]
        "scenellm/action/FollowInstruction_GetResult" => scenellm::action::FollowInstruction::GetResult;
        #[cfg(not(feature = "r2r-check"))]
        "scenellm/action/PlanTask_SendGoal" => scenellm::action::PlanTask::SendGoal;
        #[cfg(not(feature = "r2r-check"))]
        "scenellm/action/PlanTask_GetResult" => scenellm::action::PlanTask::GetResult;
    }
}

/// Opens a topic to publish on.
pub(super) fn advertise(
    node: &mut Node,
    topic: &str,
    of: &str,
    qos: QosProfile,
) -> ::r2r::Result<Writer> {
    match of {
        #[cfg(not(feature = "r2r-check"))]
        "scenellm/action/PlanTask_FeedbackMessage" => {
            typed::<::r2r::scenellm::action::PlanTask::FeedbackMessage>(node, topic, qos)
        }
        #[cfg(not(feature = "r2r-check"))]
        "scenellm/action/FollowInstruction_FeedbackMessage" => {
            typed::<::r2r::scenellm::action::FollowInstruction::FeedbackMessage>(node, topic, qos)
        }
        _ => Ok(raw(node.create_publisher_untyped(topic, of, qos)?)),
    }
}

type SendCdr = Box<dyn Fn(&[u8]) -> ::r2r::Result<()> + Send>;

/// A topic that is published on.
pub(super) struct Writer {
    send: SendCdr,
    subscribers: Box<dyn Fn() -> ::r2r::Result<usize> + Send>,
    close: Box<dyn FnOnce(&mut Node) + Send>,
}

impl Writer {
    /// Sends the CDR bytes of a message.
    pub fn send(&self, cdr: &[u8]) -> ::r2r::Result<()> {
        (self.send)(cdr)
    }

    /// How many subscribe.
    pub fn subscribers(&self) -> usize {
        (self.subscribers)().unwrap_or(0)
    }

    /// Withdraws the topic.
    pub fn close(self, node: &mut Node) {
        (self.close)(node);
    }
}

fn raw(publisher: PublisherUntyped) -> Writer {
    let (sends, counts) = (publisher.clone(), publisher.clone());
    Writer {
        send: Box::new(move |cdr| sends.publish_raw(cdr)),
        subscribers: Box::new(move || counts.get_inter_process_subscription_count()),
        close: Box::new(move |node| node.destroy_publisher_untyped(publisher)),
    }
}

/// For types that `r2r` does not know at run time.
#[cfg_attr(feature = "r2r-check", expect(dead_code, reason = "our own actions are not there"))]
fn typed<T: WrappedTypesupport + Send + 'static>(
    node: &mut Node,
    topic: &str,
    qos: QosProfile,
) -> ::r2r::Result<Writer> {
    let publisher = node.create_publisher::<T>(topic, qos)?;
    let (sends, counts) = (publisher.clone(), publisher.clone());
    Ok(Writer {
        send: Box::new(move |cdr| sends.publish(&T::from_serialized_bytes(cdr)?)),
        subscribers: Box::new(move || counts.get_inter_process_subscription_count()),
        close: Box::new(move |node| node.destroy_publisher(publisher)),
    })
}
