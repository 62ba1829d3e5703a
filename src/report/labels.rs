//! Room for labels on a picture: none covers another, what finds no room is left out.

/// Where something stands already: left, top, right, bottom.
#[derive(Debug, Default)]
pub struct Labels(Vec<[i32; 4]>);

impl Labels {
    /// Keeps an area (left, top, right, bottom) free of labels.
    pub fn keep_free(&mut self, area: [i32; 4]) {
        self.0.push(area);
    }

    /// Takes a free place for a text of this width and height, `gap` beside `mark`; its upper left
    /// corner.
    pub fn place(
        &mut self,
        (x, y): (i32, i32),
        gap: i32,
        (width, height): (i32, i32),
    ) -> Option<(i32, i32)> {
        let columns = [x + gap, x - gap - width];
        let rows = [y - height / 2, y - height - 1, y + 2];
        let places = columns.into_iter().flat_map(|left| rows.map(|top| (left, top)));
        let (left, top) = places.into_iter().find(|(left, top)| {
            self.0.iter().all(|taken| {
                left + width < taken[0]
                    || *left > taken[2]
                    || top + height < taken[1]
                    || *top > taken[3]
            })
        })?;
        self.0.push([left, top, left + width, top + height]);
        Some((left, top))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_move_aside_until_there_is_no_room() {
        let mut labels = Labels::default();
        labels.keep_free([0, 0, 100, 8]);
        let size = (40, 10);
        assert_eq!(labels.place((50, 20), 5, size), Some((55, 15)));
        // Another at the same mark: the right is taken, so it goes left.
        assert_eq!(labels.place((50, 20), 5, size), Some((5, 15)));
        assert_eq!(labels.place((50, 20), 5, size), None);
        // Above is kept free, beside is taken by nobody here.
        assert_eq!(labels.place((200, 6), 5, size), Some((205, 1)));
    }
}
