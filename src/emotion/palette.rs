//! Colours for numbers, as plain sRGB so that the window, SVG and PNG agree. Both scales stay readable with the common kinds of
//! colour blindness: the diverging one runs from blue (negative) over the background to orange-red (positive).

/// sRGB, 8 bits a channel.
pub type Rgb = [u8; 3];

const NEGATIVE: [Rgb; 2] = [[33, 102, 172], [67, 147, 215]];
const POSITIVE: [Rgb; 2] = [[196, 64, 38], [226, 104, 64]];

/// Colour of `value` in −1..1 over a background: 0 is the background itself, the ends are fully blue and fully red.
/// `dark` picks the ends which stand out on a dark background.
pub fn diverging(value: f32, background: Rgb, dark: bool) -> Rgb {
    let value = if value.is_finite() { value.clamp(-1.0, 1.0) } else { 0.0 };
    let end = if value < 0.0 { NEGATIVE[usize::from(dark)] } else { POSITIVE[usize::from(dark)] };
    let share = value.abs();
    std::array::from_fn(|i| (f32::from(background[i]) * (1.0 - share) + f32::from(end[i]) * share).round() as u8)
}

/// Black or white, whichever is easier to read on the colour (relative luminance, WCAG 2).
pub fn text_on(background: Rgb) -> Rgb {
    let [r, g, b] = background.map(|channel| (f32::from(channel) / 255.0).powf(2.2));
    let luminance = 0.2126 * r + 0.7152 * g + 0.0722 * b;
    if luminance > 0.18 { [0, 0, 0] } else { [255, 255, 255] }
}

/// Ten colours which stay apart (Tol's muted scheme and one more), for clusters and lines.
pub fn categorical(index: usize) -> Rgb {
    const COLOURS: [Rgb; 10] = [
        [204, 102, 119],
        [51, 117, 178],
        [221, 190, 90],
        [17, 140, 72],
        [136, 204, 238],
        [170, 68, 153],
        [68, 170, 153],
        [153, 145, 51],
        [214, 120, 50],
        [130, 120, 190],
    ];
    COLOURS[index % COLOURS.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zero_is_the_background_and_the_ends_saturate() {
        let background = [20, 30, 40];
        assert_eq!(diverging(0.0, background, true), background);
        assert_eq!(diverging(f32::NAN, background, true), background);
        assert_eq!(diverging(7.0, background, true), POSITIVE[1]);
        assert_eq!(diverging(-7.0, background, false), NEGATIVE[0]);
    }

    #[test]
    fn text_stands_out() {
        assert_eq!(text_on([255, 255, 255]), [0, 0, 0]);
        assert_eq!(text_on([33, 102, 172]), [255, 255, 255]);
    }
}
