//! Draws what an `egui::Context` puts out on the processor: no window, driver or display, and the same picture on every machine.

mod drawing;

pub use drawing::draw;

use std::collections::HashMap;

use dream_soft_render::{ClipRect, Color, MAX_SURFACE_PIXELS, Mesh, SoftwareRenderer, TextureId, Vertex};
use egui::epaint::{ClippedShape, ImageData, ImageDelta, Primitive};

/// Why a picture could not be drawn.
#[derive(Debug, thiserror::Error)]
pub enum RasterError {
    #[error("a picture of {0} x {1} pixels cannot be drawn\nChoose a size from 1x1 to 16384x16384")]
    Size(usize, usize),
    #[error("the picture could not be drawn: {0}\nTry a smaller size")]
    Draw(#[from] dream_soft_render::Error),
    #[error("the picture could not be written as PNG: {0}\nTry again")]
    Png(#[from] png::EncodingError),
}

/// A finished picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    pub width: usize,
    pub height: usize,
    /// Opaque RGBA, 8 bits a channel, top row first.
    pub rgba: Vec<u8>,
}

impl Image {
    /// The picture as a PNG file.
    ///
    /// # Errors
    /// [`RasterError::Png`] when the encoder fails.
    pub fn png(&self) -> Result<Vec<u8>, RasterError> {
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, self.width as u32, self.height as u32);
        encoder.set_color(png::ColorType::Rgba);
        encoder.set_depth(png::BitDepth::Eight);
        encoder.set_compression(png::Compression::High);
        encoder.write_header()?.write_image_data(&self.rgba)?;
        Ok(bytes)
    }
}

/// Holds the textures of one `egui::Context` and draws its frames.
#[derive(Default)]
pub struct Raster {
    renderer: SoftwareRenderer,
    textures: HashMap<egui::TextureId, Texture>,
    /// Freed by egui, but still in use by the frame about to be drawn.
    freed: Vec<egui::TextureId>,
}

struct Texture {
    id: TextureId,
    size: [usize; 2],
}

impl Raster {
    /// Takes over the texture changes of a frame. Call it for every frame, also for those which are not drawn.
    ///
    /// # Errors
    /// [`RasterError::Draw`] when the textures outgrow the renderer.
    pub fn update(&mut self, delta: &mut egui::TexturesDelta) -> Result<(), RasterError> {
        for id in self.freed.drain(..) {
            if let Some(texture) = self.textures.remove(&id) {
                self.renderer.free_texture(texture.id)?;
            }
        }
        self.freed.extend(delta.free.iter());
        // The order of textures does not matter; that of the changes to one texture is kept.
        let mut changes: Vec<_> = delta.set.drain().collect();
        delta.clear();
        changes.sort_by_key(|(id, _)| *id);
        changes.iter().try_for_each(|(id, changes)| changes.iter().try_for_each(|change| self.change(*id, change)))
    }

    fn change(&mut self, id: egui::TextureId, change: &ImageDelta) -> Result<(), RasterError> {
        let ImageData::Color(image) = &change.image;
        let pixels: Vec<u8> = image.pixels.iter().flat_map(|pixel| pixel.to_array()).collect();
        let [width, height] = image.size;
        if let Some(texture) = self.textures.get(&id) {
            let [x, y] = change.pos.unwrap_or_default();
            if change.pos.is_some() || texture.size == image.size {
                return Ok(self.renderer.update_texture(texture.id, x, y, width, height, &pixels)?);
            }
            self.renderer.free_texture(texture.id)?;
        }
        let texture = self.renderer.create_texture(width, height, &pixels)?;
        self.textures.insert(id, Texture { id: texture, size: image.size });
        Ok(())
    }

    /// Draws the shapes of a frame over `background` into a picture of `size` pixels.
    ///
    /// # Errors
    /// [`RasterError::Size`] for an impossible size, [`RasterError::Draw`] for geometry that cannot be drawn.
    pub fn draw(
        &mut self,
        ctx: &egui::Context,
        shapes: Vec<ClippedShape>,
        pixels_per_point: f32,
        [width, height]: [usize; 2],
        background: egui::Color32,
    ) -> Result<Image, RasterError> {
        if !(1..=16384).contains(&width) || !(1..=16384).contains(&height) {
            return Err(RasterError::Size(width, height));
        }
        // Their texture is made for smooth sampling, which this renderer does not do; as triangles discs come out clean.
        ctx.tessellation_options_mut(|options| options.prerasterized_discs = false);
        let meshes: Vec<(egui::Rect, egui::Mesh)> = ctx
            .tessellate(shapes, pixels_per_point)
            .into_iter()
            .filter_map(|primitive| match primitive.primitive {
                Primitive::Mesh(mesh) => Some((primitive.clip_rect * pixels_per_point, mesh)),
                Primitive::Callback(_) => None,
            })
            .collect();

        // The renderer's surface is limited, so tall pictures are drawn in bands.
        let band_height = (MAX_SURFACE_PIXELS / width).clamp(1, height);
        let mut rgba = Vec::with_capacity(width * height * 4);
        for top in (0..height).step_by(band_height) {
            let rows = band_height.min(height - top);
            self.band(&meshes, pixels_per_point, width, top..top + rows, background)?;
            rgba.extend_from_slice(&self.renderer.surface().pixels);
        }
        Ok(Image { width, height, rgba })
    }

    fn band(
        &mut self,
        meshes: &[(egui::Rect, egui::Mesh)],
        pixels_per_point: f32,
        width: usize,
        rows: std::ops::Range<usize>,
        background: egui::Color32,
    ) -> Result<(), RasterError> {
        let mut frame = self.renderer.begin_frame(width, rows.len())?;
        let [r, g, b, _] = background.to_array();
        frame.clear(Color::from_rgb(r, g, b));
        let top = rows.start as f32;
        for (clip, mesh) in meshes {
            let clip = ClipRect::new(
                clip.min.x.round() as u32,
                (clip.min.y.round() - top) as u32,
                clip.max.x.round() as u32,
                (clip.max.y.round() - top) as u32,
            );
            if clip.min_x >= clip.max_x || clip.min_y >= clip.max_y || clip.min_y as usize >= rows.len() {
                continue;
            }
            let vertices: Vec<Vertex> = mesh
                .vertices
                .iter()
                .map(|vertex| {
                    let [r, g, b, a] = vertex.color.to_array();
                    Vertex::new(
                        [vertex.pos.x * pixels_per_point, vertex.pos.y * pixels_per_point - top],
                        [vertex.uv.x, vertex.uv.y],
                        Color::from_rgba_premultiplied(r, g, b, a),
                    )
                })
                .collect();
            let texture = self.textures.get(&mesh.texture_id).map(|texture| texture.id);
            frame.mesh(Mesh { vertices: &vertices, indices: &mesh.indices, texture }, clip)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draw(size: [usize; 2], add: impl FnMut(&mut egui::Ui)) -> Result<Image, RasterError> {
        let ctx = egui::Context::default();
        let screen = egui::Rect::from_min_size(egui::Pos2::ZERO, egui::vec2(size[0] as f32, size[1] as f32));
        let mut output = ctx.run_ui(egui::RawInput { screen_rect: Some(screen), ..Default::default() }, add);
        let mut raster = Raster::default();
        raster.update(&mut output.textures_delta)?;
        raster.draw(&ctx, output.shapes, 1.0, size, egui::Color32::BLACK)
    }

    fn pixel(image: &Image, x: usize, y: usize) -> &[u8] {
        &image.rgba[(y * image.width + x) * 4..][..4]
    }

    #[test]
    fn a_rectangle_lies_where_it_was_painted() {
        let rect = egui::Rect::from_min_max(egui::pos2(10.0, 20.0), egui::pos2(30.0, 40.0));
        let image = draw([64, 48], |ui| {
            ui.painter().rect_filled(rect, 0.0, egui::Color32::from_rgb(200, 100, 50));
        })
        .unwrap();
        assert_eq!(pixel(&image, 20, 30), [200, 100, 50, 255]);
        assert_eq!(pixel(&image, 5, 30), [0, 0, 0, 255]);
    }

    #[test]
    fn bands_meet_without_a_seam() {
        // 1000 x 2000 pixels need three bands.
        let image = draw([1000, 2000], |ui| {
            ui.painter().rect_filled(ui.max_rect(), 0.0, egui::Color32::WHITE);
        })
        .unwrap();
        assert_eq!(image.rgba.len(), 1000 * 2000 * 4);
        assert!(image.rgba.iter().all(|&channel| channel == 255));
    }

    #[test]
    fn text_leaves_ink() {
        let image = draw([80, 30], |ui| {
            ui.label("calm");
        })
        .unwrap();
        assert!(image.rgba.chunks(4).any(|pixel| pixel[0] > 100));
    }

    #[test]
    fn an_impossible_size_is_an_error() {
        assert!(matches!(draw([0, 10], |_| {}), Err(RasterError::Size(0, 10))));
    }

    #[test]
    fn a_png_reads_back() {
        let image = Image { width: 2, height: 1, rgba: vec![1, 2, 3, 255, 4, 5, 6, 255] };
        let png = image.png().unwrap();
        let mut reader = png::Decoder::new(std::io::Cursor::new(png)).read_info().unwrap();
        let mut rgba = vec![0; 8];
        reader.next_frame(&mut rgba).unwrap();
        assert_eq!(rgba, image.rgba);
    }
}
