//! GGUF files against Hugging Face transformers (the numbers of the F16 files in float32) and llama.cpp (the same files), both frozen by
//! tests/reference/make_gguf.py.

#![allow(clippy::unwrap_used, reason = "a test which panics has failed")]

mod model_support;

use candle_core::quantized::{GgmlDType, QTensor, gguf_file};
use candle_core::{Device, Tensor};
use circumplex::job::Cancel;
use circumplex::model::{Keep, Logits, Message, Model, Precision, Tap};
use model_support::{open, read_tensors, reference};
use ndarray::{Array2, Array3, ArrayView1, ArrayView2};

const ALL: Tap<'static> = Tap { push: None, residual: true, logits: Logits::All };

fn norm(row: ArrayView1<f32>) -> f32 {
    row.dot(&row).sqrt()
}

/// Worst |a − b| / max(|b|, median over tokens of |b|), by L2 norms of rows.
fn worst(ours: ArrayView2<f32>, right: ArrayView2<f32>) -> f32 {
    let mut norms: Vec<_> = right.outer_iter().map(norm).collect();
    norms.sort_by(f32::total_cmp);
    let median = norms[norms.len() / 2];
    let rows = ours.outer_iter().zip(right.outer_iter());
    rows.map(|(a, b)| norm((&a - &b).view()) / norm(b).max(median)).fold(0.0, f32::max)
}

fn least_cosine(ours: ArrayView2<f32>, right: ArrayView2<f32>) -> f32 {
    let rows = ours.outer_iter().zip(right.outer_iter());
    rows.map(|(a, b)| a.dot(&b) / (norm(a) * norm(b))).fold(1.0, f32::min)
}

/// Greatest Kullback-Leibler divergence of next-token distributions, in nats.
fn divergence(ours: &Array2<f32>, right: &Array2<f32>) -> f64 {
    let logs = |row: ArrayView1<f32>| {
        let most = row.fold(f32::NEG_INFINITY, |a, b| a.max(*b));
        let sum: f64 = row.iter().map(|x| f64::from(x - most).exp()).sum();
        row.map(|x| f64::from(x - most) - sum.ln())
    };
    let rows = ours.outer_iter().zip(right.outer_iter()).map(|(ours, right)| {
        let (ours, right) = (logs(ours), logs(right));
        right.iter().zip(&ours).map(|(right, ours)| right.exp() * (right - ours)).sum::<f64>()
    });
    rows.fold(0.0, f64::max)
}

fn run(model: &Model, tokens: &[u32], step: usize) -> (Array3<f32>, Array2<f32>) {
    let mut cache = model.new_cache_for(tokens.len());
    let passes: Vec<_> =
        tokens.chunks(step).map(|tokens| model.forward(tokens, &mut cache, &ALL, &Cancel::new()).unwrap()).collect();
    let residuals: Vec<_> = passes.iter().map(|pass| pass.residual.as_ref().unwrap().view()).collect();
    let logits: Vec<_> = passes.iter().map(|pass| pass.logits.view()).collect();
    (
        ndarray::concatenate(ndarray::Axis(1), &residuals).unwrap(),
        ndarray::concatenate(ndarray::Axis(0), &logits).unwrap(),
    )
}

#[track_caller]
fn check(architecture: &str, cosine: f32) {
    let folder = reference("gguf");
    let expected = read_tensors(&folder.join(format!("{architecture}.safetensors")));
    let tokens = expected["tokens"].ids();
    let (residual, logits) = (expected["residual"].array3(), expected["logits"].array2());

    let model = open(&folder.join(format!("{architecture}.f16.gguf"))).unwrap();
    assert!(model.info().warnings.is_empty(), "{:?}", model.info().warnings);
    for step in [tokens.len(), 1] {
        let (ours, our_logits) = run(&model, &tokens, step);
        for (block, (ours, right)) in ours.outer_iter().zip(residual.outer_iter()).enumerate() {
            let off = worst(ours, right);
            assert!(off < 3e-5, "block {block}: off by {off}");
        }
        let off = worst(our_logits.view(), logits.view());
        assert!(off < 3e-5, "logits: off by {off}");
        let off = divergence(&our_logits, &expected["llama.cpp.f16"].array2());
        assert!(off < 1e-3, "F16: KL {off}");
    }

    let model = open(&folder.join(format!("{architecture}.q8_0.gguf"))).unwrap();
    assert_eq!(model.info().dtype, "Q8_0");
    let (ours, our_logits) = run(&model, &tokens, tokens.len());
    for (block, (ours, right)) in ours.outer_iter().zip(residual.outer_iter()).enumerate() {
        let least = least_cosine(ours, right);
        assert!(least >= cosine, "block {block}: cosine {least}");
    }
    let off = divergence(&our_logits, &expected["llama.cpp.q8_0"].array2());
    println!("{architecture} Q8_0: KL {off:.1e}");
    assert!(off < 1e-3, "Q8_0: KL {off}");
}

// Random models with norms after attention, or with a router, make more of eight bits of rounding than trained ones; llama.cpp's rounding
// is the same, as the divergence from it shows.

#[test]
fn llama() {
    check("llama", 0.999);
}

#[test]
fn qwen2() {
    check("qwen2", 0.999);
}

#[test]
fn qwen3() {
    check("qwen3", 0.999);
}

#[test]
fn qwen3_with_experts() {
    check("qwen3moe", 0.99);
}

#[test]
fn gemma2() {
    check("gemma2", 0.99);
}

#[test]
fn gemma3() {
    check("gemma3", 0.9);
}

#[test]
fn phi3() {
    check("phi3", 0.999);
}

#[test]
fn olmo2() {
    check("olmo2", 0.99);
}

#[test]
fn gpt_neox() {
    check("gptneox", 0.999);
}

#[test]
fn gpt2() {
    check("gpt2", 0.999);
}

#[test]
fn the_tokenizer_and_the_template_are_in_the_file() {
    let model = open(&reference("gguf").join("llama.q8_0.gguf")).unwrap();
    let tokens = model.encode("the a, there</s>").unwrap();
    assert_eq!(model.pieces(&tokens).concat(), "the a, there</s>");
    assert_eq!(tokens.last(), Some(&1));
    assert!(model.is_end(1));
    let chat = model.encode_chat(&[Message::user("the")]).unwrap();
    assert_eq!(model.decode(&chat), "user: the\nassistant:");
    assert!(model.info().chat_template);
}

/// A Llama of one block, 256 wide as K quants need it, written with every matrix in this type.
fn write_llama(path: &std::path::Path, kind: GgmlDType) {
    let tokens = (0..64).map(|i| text(&format!("{}", char::from(b'0' + i)))).collect();
    let tokenizer =
        [("tokenizer.ggml.model", text("gpt2")), ("tokenizer.ggml.tokens", gguf_file::Value::Array(tokens))];
    write_llama_with(path, kind, 64, &tokenizer);
}

fn text(text: &str) -> gguf_file::Value {
    gguf_file::Value::String(text.into())
}

fn write_llama_with(path: &std::path::Path, kind: GgmlDType, vocab: usize, tokenizer: &[(&str, gguf_file::Value)]) {
    let metadata = [
        ("general.architecture", text("llama")),
        ("llama.context_length", gguf_file::Value::U32(32)),
        ("llama.embedding_length", gguf_file::Value::U32(256)),
        ("llama.block_count", gguf_file::Value::U32(1)),
        ("llama.attention.head_count", gguf_file::Value::U32(4)),
        ("llama.feed_forward_length", gguf_file::Value::U32(256)),
        ("llama.attention.layer_norm_rms_epsilon", gguf_file::Value::F32(1e-5)),
        ("llama.rope.dimension_count", gguf_file::Value::U32(64)),
    ];
    let matrices = ["attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down"];
    let mut tensors = Vec::new();
    let mut seed = 1u32;
    let mut add = |name: String, rows: usize, scale: f32, kind: GgmlDType| {
        let mut next = || {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            scale * ((seed >> 8) as f32 / 8_388_608.0 - 1.0)
        };
        let values: Vec<f32> = (0..rows * 256).map(|_| next()).collect();
        let shape = if rows == 1 { vec![256] } else { vec![rows, 256] };
        let tensor = Tensor::from_vec(values, shape, &Device::Cpu).unwrap();
        tensors.push((name, QTensor::quantize(&tensor, kind).unwrap()));
    };
    add("token_embd.weight".into(), vocab, 1.0, kind);
    for name in matrices {
        add(format!("blk.0.{name}.weight"), 256, 0.1, kind);
    }
    for name in ["blk.0.attn_norm", "blk.0.ffn_norm", "output_norm"] {
        add(format!("{name}.weight"), 1, 1.0, GgmlDType::F32);
    }
    let metadata: Vec<_> = metadata.iter().chain(tokenizer).map(|(key, value)| (*key, value)).collect();
    let tensors: Vec<_> = tensors.iter().map(|(name, tensor)| (name.as_str(), tensor)).collect();
    gguf_file::write(&mut std::fs::File::create(path).unwrap(), &metadata, &tensors).unwrap();
}

#[test]
fn every_quantisation_is_read() {
    use GgmlDType::{BF16, F16, F32, Q2K, Q3K, Q4_0, Q4_1, Q4K, Q5_0, Q5_1, Q5K, Q6K, Q8_0};
    let folder = tempfile::tempdir().unwrap();
    let residual = |kind: GgmlDType| {
        let path = folder.path().join(format!("{kind:?}.gguf"));
        write_llama(&path, kind);
        let model = open(&path).unwrap();
        assert!(model.info().warnings.is_empty() && !model.info().chat_template);
        run(&model, &[3, 1, 4, 1, 5, 9, 2, 6], 8).0
    };
    let right = residual(F32);
    for (kind, least) in [
        (F16, 0.9999),
        (BF16, 0.9999),
        (Q8_0, 0.9995),
        (Q6K, 0.999),
        (Q5K, 0.995),
        (Q5_1, 0.995),
        (Q5_0, 0.99),
        (Q4K, 0.98),
        (Q4_1, 0.98),
        (Q4_0, 0.97),
        (Q3K, 0.93),
        (Q2K, 0.8),
    ] {
        let ours = residual(kind);
        let cosine = least_cosine(ours.index_axis(ndarray::Axis(0), 0), right.index_axis(ndarray::Axis(0), 0));
        assert!(cosine > least, "{kind:?}: cosine {cosine}");
    }
}

#[track_caller]
fn check_broken(bytes: &[u8], expected: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("broken.gguf");
    std::fs::write(&path, bytes).unwrap();
    let message = open(&path).err().expect("the broken file opens").to_string();
    for expected in expected.iter().chain(&["broken.gguf"]) {
        assert!(message.contains(expected), "`{expected}` is not in: {message}");
    }
}

fn replaced(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let at = bytes.windows(from.len()).position(|window| window == from).unwrap();
    [&bytes[..at], to, &bytes[at + from.len()..]].concat()
}

#[test]
fn broken_files_are_named() {
    let bytes = std::fs::read(reference("gguf").join("llama.q8_0.gguf")).unwrap();
    check_broken(b"", &["no GGUF file"]);
    check_broken(b"GGUF", &["no GGUF file"]);
    check_broken(&[b"PK", &bytes[2..]].concat(), &["no GGUF file"]);
    check_broken(&bytes[..200], &["no GGUF file"]);
    check_broken(&bytes[..bytes.len() - 100], &["lies outside the file"]);
    check_broken(&replaced(&bytes, b"llama", b"mamba"), &["general.architecture", "mamba", "Known are: gemma2"]);
    check_broken(&replaced(&bytes, b"llama.block_count", b"llama.black_count"), &["llama.block_count", "is missing"]);
    check_broken(&replaced(&bytes, b"blk.1.attn_q.weight", b"blk.1.attn_Q.weight"), &["blk.1.attn_q.weight"]);
    check_broken(&replaced(&bytes, b"gpt2", b"bert"), &["tokenizer.ggml.model", "bert"]);
    check_broken(&replaced(&bytes, b"gpt-2", b"other"), &["tokenizer.ggml.pre", "other"]);
    // The type of the first matrix: IQ2_XXS instead of Q8_0.
    let name = b"token_embd.weight";
    let at = bytes.windows(name.len()).position(|window| window == name).unwrap() + name.len() + 4 + 16;
    assert_eq!(bytes[at], 8);
    let mut iq = bytes.clone();
    iq[at] = 16;
    check_broken(&iq, &["no GGUF file that can be read", "Q4_0 to Q8_0"]);
}

#[test]
fn a_folder_with_one_gguf_file_is_a_model() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::copy(reference("gguf").join("gpt2.q8_0.gguf"), folder.path().join("small.gguf")).unwrap();
    assert_eq!(open(folder.path()).unwrap().info().id, "small");
}

#[test]
fn rounding_on_load_equals_a_rounded_file() {
    let folder = reference("gguf");
    let load = |path: &str, precision| {
        let keep = Keep { precision, ..Keep::default() };
        Model::open_as(&folder.join(path), keep, &Cancel::new(), &mut circumplex::job::silent).unwrap()
    };
    let exact = load("llama.f16.gguf", Precision::AsStored);
    let rounded = load("llama.f16.gguf", Precision::Q8_0);
    let (exact_info, info) = (exact.info(), rounded.info());
    assert_eq!((exact_info.precision.as_str(), info.precision.as_str()), ("f32", "q8_0"));
    assert_eq!(exact_info.memory, 4 * exact_info.parameters);
    assert!(info.memory * 10 < exact_info.memory * 3, "{} of {}", info.memory, exact_info.memory);
    assert!(exact_info.rounding.is_none() && info.rounding.is_some_and(|share| (0.002..0.01).contains(&share)));

    let expected = read_tensors(&folder.join("llama.safetensors"));
    let tokens = expected["tokens"].ids();
    let (ours, logits) = run(&rounded, &tokens, tokens.len());
    let (right, _) = run(&exact, &tokens, tokens.len());
    for (ours, right) in ours.outer_iter().zip(right.outer_iter()) {
        assert!(least_cosine(ours, right) > 0.999);
    }
    assert!(divergence(&logits, &expected["llama.cpp.q8_0"].array2()) < 1e-3);

    // What is stored [in, out] is turned first. Of GPT-2's matrices here only those with 96 inputs are whole blocks of 32.
    let keep = Keep { precision: Precision::Q8_0, ..Keep::default() };
    let gpt2 = Model::open_as(&reference("gpt2-tied"), keep, &Cancel::new(), &mut circumplex::job::silent);
    assert!(gpt2.unwrap().info().rounding.is_some());
}

/// A SentencePiece vocabulary: three special tokens, 256 bytes, and pieces in the order in which they are merged.
fn write_pieces(path: &std::path::Path) {
    use gguf_file::Value::{Array, Bool, F32, I32, U32};
    let pieces = ["▁t", "he", "▁the", "▁a", "in", "▁", "t", "h", "e", "a", "i", "n", "r", "é", "x"];
    let bytes = (0..=255u8).map(|byte| format!("<0x{byte:02X}>"));
    let tokens: Vec<String> = ["<unk>", "<s>", "</s>"].into_iter().map(str::to_owned).chain(bytes).collect();
    let kinds = tokens.iter().enumerate().map(|(id, _)| {
        if id == 0 {
            2
        } else if id < 3 {
            3
        } else {
            6
        }
    });
    let kinds = kinds.chain(pieces.iter().map(|_| 1)).map(I32).collect();
    let scores = tokens.iter().map(|_| 0.0).chain((0..pieces.len()).map(|i| -(i as f32))).map(F32).collect();
    let tokens: Vec<_> = tokens.iter().map(String::as_str).chain(pieces).map(text).collect();
    let tokenizer = [
        ("tokenizer.ggml.model", text("llama")),
        ("tokenizer.ggml.bos_token_id", U32(1)),
        ("tokenizer.ggml.eos_token_id", U32(2)),
        ("tokenizer.ggml.unknown_token_id", U32(0)),
        ("tokenizer.ggml.add_bos_token", Bool(true)),
        ("tokenizer.ggml.token_type", Array(kinds)),
        ("tokenizer.ggml.scores", Array(scores)),
        ("tokenizer.ggml.tokens", Array(tokens.clone())),
    ];
    write_llama_with(path, GgmlDType::F32, tokens.len(), &tokenizer);
}

/// The ids are llama.cpp's on the same file.
#[test]
fn pieces_are_merged_by_their_scores_and_unknown_characters_are_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pieces.gguf");
    write_pieces(&path);
    let model = open(&path).unwrap();
    assert_eq!(model.decode(&model.encode("é, the 🙂").unwrap()), "é, the 🙂");
    for (text, expected) in [
        ("the hen in a  tin", &[1, 261, 264, 260, 270, 264, 263, 262, 264, 259, 263][..]),
        ("é 🙂 ש\n", &[1, 264, 272, 264, 243, 162, 156, 133, 264, 218, 172, 13]),
        ("x</s>the", &[1, 264, 273, 2, 261]),
    ] {
        let tokens = model.encode(text).unwrap();
        assert_eq!(tokens, expected, "{text}");
    }
}
