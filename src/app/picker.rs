//! Choosing a file or folder: the system's dialog in the window, anything else in a test.

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, Sender, channel};

/// What a dialog is to find.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pick {
    Model,
    /// A model in a single GGUF file.
    ModelFile,
    Bank,
    Stories,
    Neutral,
    /// Where a built bank is to be written.
    BankOut,
}

/// Asks a person for a path. The answer arrives later, or never.
pub trait Picker {
    fn ask(&mut self, ctx: &egui::Context, pick: Pick);

    /// An answer that has arrived.
    fn answer(&mut self) -> Option<(Pick, PathBuf)>;
}

/// The system's dialogs.
pub struct SystemPicker {
    sender: Sender<(Pick, PathBuf)>,
    receiver: Receiver<(Pick, PathBuf)>,
}

impl Default for SystemPicker {
    fn default() -> Self {
        let (sender, receiver) = channel();
        Self { sender, receiver }
    }
}

impl Picker for SystemPicker {
    /// The dialog starts here, on the main thread, as some systems demand; only the waiting is done elsewhere.
    fn ask(&mut self, ctx: &egui::Context, pick: Pick) {
        let dialog = rfd::AsyncFileDialog::new();
        let lines = |dialog: rfd::AsyncFileDialog| dialog.add_filter("JSON lines", &["jsonl", "json"]);
        let future: std::pin::Pin<Box<dyn Future<Output = Option<rfd::FileHandle>> + Send>> = match pick {
            Pick::Model => Box::pin(dialog.set_title("Open a model folder").pick_folder()),
            Pick::ModelFile => {
                Box::pin(dialog.set_title("Open a GGUF file").add_filter("GGUF models", &["gguf"]).pick_file())
            }
            Pick::Bank => Box::pin(
                dialog
                    .set_title("Open a bank of emotion vectors")
                    .add_filter("Banks and vectors", &["safetensors", "npz"])
                    .pick_file(),
            ),
            Pick::Stories => Box::pin(lines(dialog.set_title("Choose the stories")).pick_file()),
            Pick::Neutral => Box::pin(lines(dialog.set_title("Choose the neutral texts")).pick_file()),
            Pick::BankOut => {
                Box::pin(dialog.set_title("Write the bank to").set_file_name("bank.safetensors").save_file())
            }
        };
        let (sender, ctx) = (self.sender.clone(), ctx.clone());
        let wait = move || {
            if let Some(file) = pollster::block_on(future) {
                // The window may be gone by now.
                let _ = sender.send((pick, file.path().to_owned()));
                ctx.request_repaint();
            }
        };
        // Without a thread the path field and drag and drop remain.
        let _ = std::thread::Builder::new().name("file-dialog".into()).spawn(wait);
    }

    fn answer(&mut self) -> Option<(Pick, PathBuf)> {
        self.receiver.try_recv().ok()
    }
}
