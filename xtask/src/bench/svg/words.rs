//! Text in pictures, whose size nobody tells before it is shown.

/// About how wide a text is, in pixels: rather too wide, since every machine has another font.
pub(super) fn width(text: &str, size: f64) -> f64 {
    text.chars().map(|it| size * part_of_size(it)).sum()
}

/// The text in lines that are at most so wide, where words permit.
pub(super) fn wrap(text: &str, size: f64, limit: f64) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        let longer = lines.last().map(|line| format!("{line} {word}"));
        match (
            longer.filter(|it| width(it, size) <= limit),
            lines.last_mut(),
        ) {
            (Some(longer), Some(line)) => *line = longer,
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// The text, with an ellipsis for an end that does not fit.
pub(super) fn cut(text: &str, size: f64, limit: f64) -> String {
    if width(text, size) <= limit {
        return text.to_owned();
    }
    let mut kept = String::new();
    for character in text.chars() {
        if width(&kept, size) + 2.0 * size > limit {
            break;
        }
        kept.push(character);
    }
    kept.push('…');
    kept
}

/// Heights for labels that want to be at `wanted`: in the same order from the top, `gap` apart, none above `top`.
pub(super) fn spread(wanted: &[f64], gap: f64, top: f64, bottom: f64) -> Vec<f64> {
    let mut order: Vec<(usize, f64)> = wanted.iter().copied().enumerate().collect();
    order.sort_by(|(_, one), (_, other)| one.total_cmp(other));
    let mut placed: Vec<(usize, f64)> = Vec::with_capacity(order.len());
    // Downwards as far as needed, then the lowest ones up again.
    let mut free = top;
    for (at, height) in order {
        let height = height.max(free);
        free = height + gap;
        placed.push((at, height));
    }
    let mut free = bottom;
    for (_, height) in placed.iter_mut().rev() {
        *height = height.min(free);
        free = *height - gap;
    }
    // More than there is room for begin at the top, and go on below the bottom.
    let missing = placed
        .first()
        .map_or(0.0, |(_, first)| (top - first).max(0.0));
    placed.sort_by_key(|(at, _)| *at);
    placed.iter().map(|(_, height)| height + missing).collect()
}

/// The widths of letters in a font that is wide.
fn part_of_size(character: char) -> f64 {
    match character {
        'i' | 'j' | 'l' | '.' | ',' | ':' | ';' | '|' | '\'' | '!' | ' ' => 0.34,
        'f' | 't' | 'r' | '(' | ')' | '[' | ']' | '/' | '-' => 0.43,
        'm' | 'w' | 'M' | 'W' | '%' | '@' | '…' => 0.98,
        'A'..='Z' => 0.7,
        _ => 0.62,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_text_is_wrapped_or_cut() {
        assert_eq!(wrap("one two three", 10.0, 60.0), ["one two", "three"]);
        assert_eq!(wrap("", 10.0, 60.0), [] as [&str; 0]);
        assert_eq!(cut("short", 10.0, 60.0), "short");
        let cut = cut("much longer than that", 10.0, 60.0);
        assert!(cut.ends_with('…') && width(&cut, 10.0) <= 60.0, "{cut}");
    }

    #[test]
    fn labels_keep_their_order_and_their_distance() {
        assert_eq!(spread(&[50.0, 10.0], 10.0, 0.0, 100.0), [50.0, 10.0]);
        assert_eq!(
            spread(&[50.0, 50.0, 51.0], 10.0, 0.0, 100.0),
            [50.0, 60.0, 70.0]
        );
        assert_eq!(spread(&[99.0, 98.0], 10.0, 0.0, 100.0), [100.0, 90.0]);
        let crowd = spread(&[5.0; 4], 10.0, 0.0, 20.0);
        assert_eq!(crowd, [0.0, 10.0, 20.0, 30.0]);
    }
}
