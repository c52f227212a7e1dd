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

/// Ten colours for clusters and lines. They were searched for so that any two stay apart, by 20 in CIELAB at least, with normal sight
/// and with each kind of colour blindness, and stand out on white and on dark grey: a test measures it.
pub fn categorical(index: usize) -> Rgb {
    const COLOURS: [Rgb; 10] = [
        [221, 102, 34],
        [68, 85, 204],
        [170, 204, 102],
        [170, 51, 153],
        [102, 204, 221],
        [136, 136, 85],
        [136, 153, 238],
        [221, 187, 153],
        [119, 85, 85],
        [187, 119, 153],
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

    const WHITE: Rgb = [255, 255, 255];
    const DARK: Rgb = [27, 27, 27];

    /// What is seen with normal sight, protanopia, deuteranopia and tritanopia, on linear RGB (Machado, Oliveira and Fernandes 2009).
    const SIGHTS: [[[f64; 3]; 3]; 4] = [
        [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]],
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]],
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.3039]],
    ];
    const XYZ: [[f64; 3]; 3] =
        [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.072175], [0.0193339, 0.119192, 0.9503041]];

    fn linear(colour: Rgb) -> [f64; 3] {
        colour.map(|channel| {
            let value = f64::from(channel) / 255.0;
            if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        })
    }

    fn times(matrix: [[f64; 3]; 3], vector: [f64; 3]) -> [f64; 3] {
        matrix.map(|row| row.iter().zip(vector).map(|(a, b)| a * b).sum())
    }

    fn lab(linear: [f64; 3]) -> [f64; 3] {
        let [x, y, z] = times(XYZ, linear.map(|value| value.clamp(0.0, 1.0)));
        let [x, y, z] = [x / 0.95047, y, z / 1.08883]
            .map(|value| if value > 216.0 / 24389.0 { value.cbrt() } else { (24389.0 / 27.0 * value + 16.0) / 116.0 });
        [116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)]
    }

    /// Distance in CIELAB of two colours to the eyes that tell them apart worst.
    fn apart(a: Rgb, b: Rgb) -> f64 {
        let distance = |sight| {
            let (a, b) = (lab(times(sight, linear(a))), lab(times(sight, linear(b))));
            a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt()
        };
        SIGHTS.map(distance).into_iter().fold(f64::INFINITY, f64::min)
    }

    /// WCAG 2 contrast.
    fn contrast(a: Rgb, b: Rgb) -> f64 {
        let [a, b] = [a, b].map(|colour| times(XYZ, linear(colour))[1] + 0.05);
        a.max(b) / a.min(b)
    }

    #[test]
    fn categories_stay_apart_for_all_eyes_and_on_both_backgrounds() {
        for i in 0..10 {
            for j in 0..i {
                let apart = apart(categorical(i), categorical(j));
                assert!(apart > 20.0, "{i} and {j}: {apart}");
            }
            for (background, least) in [(WHITE, 1.8), (DARK, 2.5)] {
                let contrast = contrast(categorical(i), background);
                assert!(contrast > least, "{i} on {background:?}: {contrast}");
            }
        }
    }

    #[test]
    fn the_ends_of_the_diverging_scale_stay_apart_for_all_eyes_and_stand_out() {
        for (background, dark) in [(WHITE, false), (DARK, true)] {
            let (low, high) = (diverging(-1.0, background, dark), diverging(1.0, background, dark));
            assert!(apart(low, high) > 70.0, "{}", apart(low, high));
            assert!(contrast(low, background) > 4.5 && contrast(high, background) > 4.5);
        }
    }

    #[test]
    fn text_is_readable_all_along_the_scale() {
        for (background, dark) in [(WHITE, false), (DARK, true)] {
            for step in -10..=10 {
                let colour = diverging(step as f32 / 10.0, background, dark);
                let contrast = contrast(colour, text_on(colour));
                assert!(contrast > 4.5, "{step}: {contrast}");
            }
        }
    }
}
