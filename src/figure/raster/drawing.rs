//! A [`Drawing`] as pixels, with egui's own fonts.

use egui::epaint::TextShape;
use egui::{Color32, FontId, RawInput, Rect, Shape, Stroke, StrokeKind, pos2, vec2};

use super::{Image, Raster, RasterError};
use crate::emotion::Rgb;
use crate::figure::drawing::{Anchor, Drawing, Mark};

/// Draws a drawing, at this many pixels to the point.
///
/// # Errors
/// [`RasterError`] for an impossible size.
pub fn draw(drawing: &Drawing, pixels_per_point: f32) -> Result<Image, RasterError> {
    let ctx = egui::Context::default();
    let mut raster = Raster::default();
    let size = vec2(drawing.width as f32, drawing.height as f32);
    let frame = || {
        let mut input =
            RawInput { screen_rect: Some(Rect::from_min_size(pos2(0.0, 0.0), size)), ..RawInput::default() };
        if let Some(viewport) = input.viewports.get_mut(&egui::ViewportId::ROOT) {
            viewport.native_pixels_per_point = Some(pixels_per_point);
        }
        ctx.run_ui(input, |ui| {
            let painter = ui.ctx().layer_painter(egui::LayerId::background());
            painter.extend(drawing.marks.iter().map(|mark| shape(&painter, mark)).collect::<Vec<_>>());
        })
    };
    // The first frame lays out glyphs at a size which the second one draws.
    let mut first = frame();
    raster.update(&mut first.textures_delta)?;
    let mut output = frame();
    raster.update(&mut output.textures_delta)?;
    let pixels = [size.x, size.y].map(|length| (length * pixels_per_point).round() as usize);
    raster.draw(&ctx, output.shapes, output.pixels_per_point, pixels, Color32::WHITE)
}

/// A text is drawn around itself in white first, which keeps it readable over lines and points.
const OUTLINE: [(f32, f32); 8] =
    [(-1.0, 0.0), (1.0, 0.0), (0.0, -1.0), (0.0, 1.0), (-0.7, -0.7), (-0.7, 0.7), (0.7, -0.7), (0.7, 0.7)];

fn colour([r, g, b]: Rgb) -> Color32 {
    Color32::from_rgb(r, g, b)
}

fn shape(painter: &egui::Painter, mark: &Mark) -> Shape {
    let at = |(x, y): (f64, f64)| pos2(x as f32, y as f32);
    match mark {
        Mark::Line { from, to, colour: ink, width } => {
            Shape::line_segment([at(*from), at(*to)], Stroke::new(*width as f32, colour(*ink)))
        }
        Mark::Box { left, top, width, height, fill, stroke } => {
            let rect = Rect::from_min_size(at((*left, *top)), vec2(*width as f32, *height as f32));
            let fill = fill.map_or(Color32::TRANSPARENT, colour);
            let stroke = stroke.map_or(Stroke::NONE, |ink| Stroke::new(1.0, colour(ink)));
            egui::epaint::RectShape::new(rect, 0.0, fill, stroke, StrokeKind::Middle).into()
        }
        Mark::Disc { x, y, radius, fill, stroke, .. } => egui::epaint::CircleShape {
            center: at((*x, *y)),
            radius: *radius as f32,
            fill: colour(*fill),
            stroke: Stroke::new(0.6, colour(*stroke)),
        }
        .into(),
        Mark::Text { x, y, size, anchor, colour: ink, upwards, text } => {
            let galley = painter.layout_no_wrap(text.clone(), FontId::proportional(*size as f32), colour(*ink));
            let along = match anchor {
                Anchor::Start => 0.0,
                Anchor::Middle => galley.size().x / 2.0,
                Anchor::End => galley.size().x,
            };
            let baseline = galley.rows.first().map_or(0.0, |row| row.glyphs.first().map_or(0.0, |glyph| glyph.pos.y));
            let (offset, angle) = if *upwards {
                (vec2(-baseline, along), -std::f32::consts::FRAC_PI_2)
            } else {
                (vec2(-along, -baseline), 0.0)
            };
            let placed = |shift, ink: &Rgb| {
                let text = TextShape::new(at((*x, *y)) + offset + shift, galley.clone(), colour(*ink));
                Shape::from(TextShape { angle, override_text_color: Some(colour(*ink)), ..text })
            };
            let outline = OUTLINE.iter().map(|&(x, y)| placed(vec2(x, y), &[255; 3]));
            Shape::Vec(outline.chain([placed(vec2(0.0, 0.0), ink)]).collect())
        }
    }
}
