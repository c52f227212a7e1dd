use std::cell::Cell;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use circumplex::bank::{Bank, BankError, Recipe, Report, ResidualSource, SourceError, build};
use circumplex::job::{Cancel, silent};
use ndarray::Array3;
use tempfile::TempDir;

const REFERENCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/reference_bank");

/// A made-up model: two blocks, width 6, a token for every byte. tests/reference_bank/frozen.py has the same one.
#[derive(Default)]
struct Toy {
    name: &'static str,
    /// Texts read so far, and how many may be read before it stops.
    read: AtomicUsize,
    stop_after: Option<usize>,
    /// A residual which is not finite.
    broken: bool,
}

impl ResidualSource for Toy {
    fn id(&self) -> String {
        format!("toy{}", self.name)
    }

    fn blocks(&self) -> usize {
        2
    }

    fn width(&self) -> usize {
        6
    }

    fn context(&self) -> usize {
        60
    }

    fn encode(&self, text: &str) -> Result<Vec<u32>, SourceError> {
        Ok([1].into_iter().chain(text.bytes().map(u32::from)).collect())
    }

    fn encode_question(&self, text: &str) -> Result<Vec<u32>, SourceError> {
        Ok([2].into_iter().chain(text.bytes().map(u32::from)).chain([3]).collect())
    }

    fn residuals(&self, texts: &[Vec<u32>], _: &Cancel) -> Result<Vec<Array3<f32>>, SourceError> {
        let before = self.read.fetch_add(texts.len(), Ordering::Relaxed);
        if self.stop_after.is_some_and(|most| before + texts.len() > most) {
            return Err(SourceError::Stopped);
        }
        let residual = |text: &Vec<u32>| {
            Array3::from_shape_fn((2, text.len(), 6), |(block, place, column)| {
                let token = text[place] as usize;
                let number =
                    token * 7919 + place * 104_729 + block * 1_299_709 + column * 15_485_863 + token * column * 31;
                if self.broken { f32::NAN } else { ((number % 65_521) as f64 / 65_521.0 - 0.5) as f32 }
            })
        };
        Ok(texts.iter().map(residual).collect())
    }
}

fn recipe(stories: PathBuf, neutral: PathBuf) -> Recipe {
    Recipe {
        stories: stories.into(),
        neutral: neutral.into(),
        start_token: 5,
        variance: 0.5,
        model_sha256: "ab".to_owned(),
        license: String::new(),
    }
}

fn reference() -> Recipe {
    recipe(Path::new(REFERENCE).join("stories.jsonl"), Path::new(REFERENCE).join("neutral.jsonl"))
}

/// A corpus large enough for many chunks.
fn many(folder: &Path) -> Recipe {
    let story = |i: usize| {
        let emotion = ["calm", "sad", "angry", "proud"][i % 4];
        format!(r#"{{"emotion":"{emotion}","text":"{} {}"}}"#, "story words ".repeat(1 + i % 5), i * i)
    };
    let neutral = |i: usize| format!(r#"{{"text":"Person: Is {i} a number?\nAI: {}"}}"#, "Yes. ".repeat(i % 9));
    fs::write(folder.join("s.jsonl"), (0..300).map(story).collect::<Vec<_>>().join("\n")).unwrap();
    fs::write(folder.join("n.jsonl"), (0..100).map(neutral).collect::<Vec<_>>().join("\n")).unwrap();
    recipe(folder.join("s.jsonl"), folder.join("n.jsonl"))
}

fn run(source: &Toy, recipe: &Recipe, out: &Path, resume: bool) -> Result<Report, BankError> {
    build(source, recipe, out, resume, &Cancel::new(), &mut silent)
}

#[test]
fn numpy_gives_the_same_bank() {
    let folder = TempDir::new().unwrap();
    let out = folder.path().join("bank");
    let report = run(&Toy::default(), &reference(), &out, false).unwrap();
    assert_eq!((report.stories, report.stories_too_short, report.texts_cut), (6, 1, 2));
    assert_eq!((report.neutral, report.questions, report.resumed_at_percent), (4, 4, None));

    let bank = Bank::open(&out).unwrap();
    let expected = fs::read_to_string(Path::new(REFERENCE).join("expected.json")).unwrap();
    let expected: serde_json::Value = serde_json::from_str(&expected).unwrap();
    assert_eq!(serde_json::json!(bank.emotions), expected["emotions"]);
    assert_eq!(serde_json::json!(report.neutral_components), expected["neutral_components"]);
    let baselines = [("", &bank.baseline, &bank.answer), ("raw_", &bank.raw_baseline, &bank.raw_answer)];
    check_values("vectors", &expected, bank.vectors.iter());
    check_values("raw", &expected, bank.raw.as_ref().unwrap().iter());
    check_values("residual_norm", &expected, bank.residual_norm.as_ref().unwrap().iter());
    check_values("neutral_mean", &expected, bank.neutral_mean.as_ref().unwrap().iter());
    for (prefix, token, answer) in baselines {
        let (token, answer) = (token.as_ref().unwrap(), answer.as_ref().unwrap());
        check_values(&format!("{prefix}baseline_mean"), &expected, token.mean.iter());
        check_values(&format!("{prefix}baseline_std"), &expected, token.std.iter());
        check_values(&format!("{prefix}answer_mean"), &expected, answer.mean.iter());
        check_values(&format!("{prefix}answer_std"), &expected, answer.std.iter());
    }
    assert_eq!(bank.metadata["corpus"], "stories.jsonl");
    assert_eq!(bank.metadata["model"], "toy");
    assert_eq!(bank.metadata["created_by"], concat!("circumplex ", env!("CARGO_PKG_VERSION")));
}

#[track_caller]
fn check_values<'a>(name: &str, expected: &serde_json::Value, found: impl Iterator<Item = &'a f32>) {
    let mut flat = Vec::new();
    flatten(&expected[name], &mut flat);
    let found: Vec<f64> = found.map(|value| f64::from(*value)).collect();
    assert_eq!(found.len(), flat.len(), "{name}");
    for (found, expected) in found.iter().zip(flat) {
        assert!((found - expected).abs() < 1e-6, "{name}: {found} is not {expected}");
    }
}

fn flatten(value: &serde_json::Value, flat: &mut Vec<f64>) {
    match value {
        serde_json::Value::Array(values) => values.iter().for_each(|value| flatten(value, flat)),
        value => flat.push(value.as_f64().unwrap()),
    }
}

/// Stopped after this many texts and continued, the file is the same to the byte.
#[track_caller]
fn check_resume(stops: &[usize]) {
    let folder = TempDir::new().unwrap();
    let recipe = many(folder.path());
    let (whole, parts) = (folder.path().join("whole"), folder.path().join("parts"));
    run(&Toy::default(), &recipe, &whole, false).unwrap();
    for stop in stops {
        let source = Toy { stop_after: Some(*stop), ..Toy::default() };
        let result = run(&source, &recipe, &parts, true);
        assert!(matches!(result, Err(BankError::Stopped)), "{result:?}");
        assert!(folder.path().join("parts.partial").exists() && !parts.exists());
    }
    let last = Toy::default();
    let report = run(&last, &recipe, &parts, true).unwrap();
    assert!(report.resumed_at_percent.is_some());
    assert!(last.read.load(Ordering::Relaxed) < 500, "nothing was continued");
    assert_eq!(fs::read(whole).unwrap(), fs::read(parts).unwrap());
    assert!(!folder.path().join("parts.partial").exists());
}

#[test]
fn resumed_in_the_stories() {
    check_resume(&[40]);
    check_resume(&[100, 100]);
}

#[test]
fn resumed_in_the_neutral_texts() {
    check_resume(&[340]);
}

#[test]
fn resumed_in_the_questions() {
    check_resume(&[450]);
    check_resume(&[70, 280, 90, 40]);
}

#[test]
fn a_checkpoint_of_other_inputs_is_an_error_and_starting_anew_replaces_it() {
    let folder = TempDir::new().unwrap();
    let recipe = many(folder.path());
    let out = folder.path().join("bank");
    let stopped = Toy { stop_after: Some(100), ..Toy::default() };
    run(&stopped, &recipe, &out, false).unwrap_err();

    let others = [
        (Toy::default(), Recipe { start_token: 6, ..recipe.clone() }),
        (Toy::default(), Recipe { variance: 0.6, ..recipe.clone() }),
        (Toy::default(), Recipe { model_sha256: "cd".to_owned(), ..recipe.clone() }),
        (Toy::default(), Recipe { neutral: Path::new(REFERENCE).join("neutral.jsonl").into(), ..recipe.clone() }),
        (Toy { name: "2", ..Toy::default() }, recipe.clone()),
    ];
    for (source, other) in others {
        let message = run(&source, &other, &out, true).unwrap_err().to_string();
        assert!(message.contains("other texts") && message.contains("without --resume"), "{message}");
    }
    let report = run(&Toy::default(), &recipe, &out, false).unwrap();
    assert_eq!(report.resumed_at_percent, None);
}

#[test]
fn a_damaged_checkpoint_is_an_error() {
    let folder = TempDir::new().unwrap();
    let recipe = many(folder.path());
    let out = folder.path().join("bank");
    run(&Toy { stop_after: Some(100), ..Toy::default() }, &recipe, &out, false).unwrap_err();
    let partial = folder.path().join("bank.partial");
    let bytes = fs::read(&partial).unwrap();
    for broken in [&bytes[..bytes.len() / 2], b"", b"nonsense and more nonsense"] {
        fs::write(&partial, broken).unwrap();
        let message = run(&Toy::default(), &recipe, &out, true).unwrap_err().to_string();
        assert!(message.contains("bank.partial"), "{message}");
    }
}

#[test]
fn bad_lines_are_counted_and_shown() {
    let folder = TempDir::new().unwrap();
    let mut lines = fs::read(Path::new(REFERENCE).join("stories.jsonl")).unwrap();
    for bad in [
        &b"{\"emotion\": \"calm\"}"[..],
        b"not json",
        b"{\"emotion\": \"calm\", \"text\": \"\xff\xfe\"}",
        b"{\"emotion\": \"calm\", \"text\": \"  \"}",
        b"{\"emotion\": \"\", \"text\": \"A story long enough to be used.\"}",
        b"[]",
        b"",
    ] {
        lines.extend(bad);
        lines.push(b'\n');
    }
    let stories = folder.path().join("stories.jsonl");
    fs::write(&stories, lines).unwrap();
    let out = folder.path().join("bank");
    let report = run(&Toy::default(), &Recipe { stories: stories.into(), ..reference() }, &out, false).unwrap();
    assert_eq!((report.stories, report.bad_stories.count), (6, 6));
    let shown = report.bad_stories.to_string();
    for part in
        ["line 8: missing field `text`", "line 9: ", "line 10: no UTF-8 at byte 29", "\"text\" is empty", "and 1 more"]
    {
        assert!(shown.contains(part), "{part:?} is not in: {shown}");
    }
}

/// Building from these stories fails and says so.
#[track_caller]
fn check_stories(lines: &str, says: &str) {
    let folder = TempDir::new().unwrap();
    let stories = folder.path().join("stories.jsonl");
    fs::write(&stories, lines).unwrap();
    let out = folder.path().join("bank");
    let message =
        run(&Toy::default(), &Recipe { stories: stories.into(), ..reference() }, &out, false).unwrap_err().to_string();
    assert!(message.contains(says) && message.contains("stories.jsonl"), "{message}");
    assert!(!out.exists());
}

#[test]
fn stories_which_are_too_few() {
    check_stories("", "0 emotion(s)");
    check_stories("nonsense\nmore nonsense\n", "2 bad lines");
    check_stories(r#"{"emotion":"calm","text":"A story long enough to be used."}"#, "1 emotion(s)");
    check_stories(
        "{\"emotion\":\"calm\",\"text\":\"A story long enough to be used.\"}\n{\"emotion\":\"sad\",\"text\":\"No\"}",
        "1 too short",
    );
}

#[test]
fn stories_which_are_all_the_same_have_no_direction() {
    let folder = TempDir::new().unwrap();
    let stories = folder.path().join("stories.jsonl");
    let line = |emotion| format!("{{\"emotion\":\"{emotion}\",\"text\":\"The very same story.\"}}\n");
    fs::write(&stories, line("calm") + &line("sad")).unwrap();
    let message =
        run(&Toy::default(), &Recipe { stories: stories.into(), ..reference() }, &folder.path().join("bank"), false);
    assert!(message.unwrap_err().to_string().contains("\"calm\" at block"));
}

#[test]
fn emotions_without_a_usable_story_are_left_out() {
    let folder = TempDir::new().unwrap();
    let mut lines = "{\"emotion\":\"odd\",\"text\":\"No\"}\n".to_owned();
    lines += &fs::read_to_string(Path::new(REFERENCE).join("stories.jsonl")).unwrap();
    let stories = folder.path().join("stories.jsonl");
    fs::write(&stories, lines).unwrap();
    let (out, plain) = (folder.path().join("bank"), folder.path().join("plain"));
    let report = run(&Toy::default(), &Recipe { stories: stories.into(), ..reference() }, &out, false).unwrap();
    assert_eq!(report.emotions_left_out, ["odd"]);
    run(&Toy::default(), &reference(), &plain, false).unwrap();
    assert_eq!(Bank::open(&out).unwrap().vectors, Bank::open(&plain).unwrap().vectors);
}

#[test]
fn wrong_options_and_paths_are_found_before_any_work() {
    let folder = TempDir::new().unwrap();
    let source = Toy { stop_after: Some(0), ..Toy::default() };
    let out = folder.path().join("bank");
    let missing = folder.path().join("no/such/folder/bank");
    for (recipe, out, says) in [
        (Recipe { variance: 1.0, ..reference() }, &out, "--variance"),
        (Recipe { variance: f64::NAN, ..reference() }, &out, "--variance"),
        (Recipe { start_token: 60, ..reference() }, &out, "--start-token"),
        (Recipe { stories: PathBuf::from("no/such/stories").into(), ..reference() }, &out, "no/such/stories"),
        (reference(), &missing, "cannot write"),
        (reference(), &folder.path().to_owned(), "cannot write"),
    ] {
        let message = run(&source, &recipe, out, false).unwrap_err().to_string();
        assert!(message.contains(says) && message.lines().count() == 2, "{message}");
    }
}

#[test]
fn residuals_which_are_not_finite_are_an_error() {
    let folder = TempDir::new().unwrap();
    let source = Toy { broken: true, ..Toy::default() };
    let message = run(&source, &reference(), &folder.path().join("bank"), false).unwrap_err().to_string();
    assert!(message.contains("not a finite number"), "{message}");
}

#[test]
fn cancelled_work_stops_and_progress_reaches_the_end() {
    let folder = TempDir::new().unwrap();
    let recipe = many(folder.path());
    let out = folder.path().join("bank");
    let cancel = Cancel::new();
    let seen = Cell::new(0);
    let result = build(&Toy::default(), &recipe, &out, false, &cancel, &mut |progress| {
        seen.set(seen.get() + 1);
        if progress.note == "Reading neutral texts" {
            cancel.cancel();
        }
    });
    assert!(matches!(result, Err(BankError::Stopped)));

    let mut last = None;
    build(&Toy::default(), &recipe, &out, true, &Cancel::new(), &mut |progress| last = Some(progress)).unwrap();
    let last = last.unwrap();
    assert_eq!((last.done, last.note.as_str()), (last.total, "Writing the bank"));
}
