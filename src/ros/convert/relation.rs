//! How the objects of the map stand to each other.

use crate::ros::msg::{Header, ObjectRelation, ObjectRelations};
use crate::scene::{Relation, RelationKind};

/// The message of relations between the objects of a map, in its frame `frame_id`; the objects are named
/// as [`objects_message`](super::objects_message) names them.
pub fn relations_message(relations: &[Relation], stamp_ns: i64, frame_id: &str) -> ObjectRelations {
    let relation = |one: &Relation| ObjectRelation {
        subject_id: one.subject.0.to_string(),
        object_id: one.object.0.to_string(),
        relation: match one.relation {
            RelationKind::On => ObjectRelation::ON,
            RelationKind::In => ObjectRelation::IN,
            RelationKind::Above => ObjectRelation::ABOVE,
            RelationKind::NextTo => ObjectRelation::NEXT_TO,
            RelationKind::LeftOf => ObjectRelation::LEFT_OF,
            RelationKind::RightOf => ObjectRelation::RIGHT_OF,
            RelationKind::InFrontOf => ObjectRelation::IN_FRONT_OF,
            RelationKind::Behind => ObjectRelation::BEHIND,
            RelationKind::Nearest => ObjectRelation::NEAREST,
        },
        distance_m: one.distance_m as f32,
    };
    ObjectRelations {
        header: Header::new(stamp_ns, frame_id),
        relations: relations.iter().map(relation).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scene::ObjectId;

    #[test]
    fn relations_name_their_objects() {
        let [subject, object] = [7, 3].map(ObjectId);
        let one = |relation| Relation { subject, relation, object, distance_m: 0.25 };
        let told = [RelationKind::On, RelationKind::Behind].map(one);
        let message = relations_message(&told, 9, "map");
        assert_eq!(message.header, Header::new(9, "map"));
        let [on, behind] = message.relations.as_slice() else { panic!("{message:?}") };
        assert_eq!((on.subject_id.as_str(), on.object_id.as_str()), ("7", "3"));
        assert_eq!((on.relation, on.distance_m), (ObjectRelation::ON, 0.25));
        assert_eq!(behind.relation, ObjectRelation::BEHIND);
    }
}
