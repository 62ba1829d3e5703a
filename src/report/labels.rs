//! Room for labels on a picture: none covers another, what finds no room is left out.

/// What stands somewhere already, and where labels may stand: left, top, right, bottom.
#[derive(Debug)]
pub struct Labels {
    inside: [i32; 4],
    taken: Vec<[i32; 4]>,
}

impl Labels {
    /// Labels that stand inside of this area and nowhere else.
    pub fn within(inside: [i32; 4]) -> Self {
        Self { inside, taken: Vec::new() }
    }

    /// Keeps an area (left, top, right, bottom) free of labels.
    pub fn keep_free(&mut self, area: [i32; 4]) {
        self.taken.push(area);
    }

    /// Keeps a round mark free of labels.
    pub fn keep_mark_free(&mut self, (x, y): (i32, i32), radius: i32) {
        self.keep_free([x - radius, y - radius, x + radius, y + radius]);
    }

    /// Takes a free place for a text of this width and height, `gap` beside, above or below `mark`;
    /// its upper left corner.
    pub fn place(
        &mut self,
        (x, y): (i32, i32),
        gap: i32,
        (width, height): (i32, i32),
    ) -> Option<(i32, i32)> {
        let columns = [x + gap, x - gap - width];
        let rows = [y - height / 2, y - height - 1, y + 2];
        let beside = columns.into_iter().flat_map(|left| rows.map(|top| (left, top)));
        let over = [y - gap - height, y + gap].map(|top| (x - width / 2, top));
        let (left, top) = beside.chain(over).find(|(left, top)| {
            let (right, bottom) = (left + width, top + height);
            let is_clear = |taken: &[i32; 4]| {
                right < taken[0] || *left > taken[2] || bottom < taken[1] || *top > taken[3]
            };
            let [x0, y0, x1, y1] = self.inside;
            let is_inside = *left >= x0 && *top >= y0 && right <= x1 && bottom <= y1;
            is_inside && self.taken.iter().all(is_clear)
        })?;
        self.taken.push([left, top, left + width, top + height]);
        Some((left, top))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_move_aside_until_there_is_no_room() {
        let mut labels = Labels::within([0, 0, 400, 300]);
        labels.keep_free([0, 0, 100, 8]);
        let size = (40, 10);
        assert_eq!(labels.place((50, 20), 5, size), Some((55, 15)));
        // Another at the same mark: the right is taken, so it goes left.
        assert_eq!(labels.place((50, 20), 5, size), Some((5, 15)));
        assert_eq!(labels.place((50, 20), 5, size), None);
        // Above is kept free, beside is taken by nobody here.
        assert_eq!(labels.place((200, 6), 5, size), Some((205, 1)));
        // With marks on both sides of it there is room below.
        labels.keep_mark_free((220, 100), 12);
        labels.keep_mark_free((180, 100), 12);
        labels.keep_mark_free((200, 85), 3);
        assert_eq!(labels.place((200, 100), 13, size), Some((180, 113)));
    }

    #[test]
    fn labels_stay_inside() {
        let mut labels = Labels::within([0, 0, 200, 100]);
        assert_eq!(labels.place((190, 50), 5, (40, 10)), Some((145, 45)), "not beyond the right");
        assert_eq!(labels.place((100, 1), 5, (40, 10)), Some((105, 3)), "not above the top");
        assert_eq!(labels.place((100, 99), 5, (40, 10)), Some((105, 88)), "not below the bottom");
        assert_eq!(labels.place((100, 50), 5, (300, 10)), None, "wider than the picture");
    }
}
