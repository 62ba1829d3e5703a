//! What boxes share.

/// What two boxes of left, top, right and bottom share of their union. Edges are places between
/// pixels, so a box of one column has no area; what has none shares nothing.
pub(super) fn overlap(a: [f32; 4], b: [f32; 4]) -> f32 {
    let area =
        |[left, top, right, bottom]: [f32; 4]| (right - left).max(0.0) * (bottom - top).max(0.0);
    let shared = area([a[0].max(b[0]), a[1].max(b[1]), a[2].min(b[2]), a[3].min(b[3])]);
    let union = area(a) + area(b) - shared;
    if union > 0.0 { shared / union } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boxes_share_a_part_of_their_union() {
        assert_eq!(overlap([0.0, 0.0, 10.0, 10.0], [5.0, 0.0, 15.0, 10.0]), 1.0 / 3.0);
        assert_eq!(overlap([0.0, 0.0, 1.0, 1.0], [5.0, 5.0, 6.0, 6.0]), 0.0);
        assert_eq!(overlap([0.0, 0.0, 0.0, 5.0], [0.0, 0.0, 0.0, 5.0]), 0.0);
    }
}
