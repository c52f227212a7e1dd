//! Load, prefill and decode of a random model of Qwen2.5-0.5B's shape, for each way of keeping weights: `cargo bench --bench model`.
//!
//! The model (1 GB) is written to CIRCUMPLEX_BENCH, or a folder under target, and stays there for benches/compare.py, which measures PyTorch and
//! llama.cpp on the same weights and threads. Every figure is the median of several runs of a whole operation.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use circumplex::job::{Cancel, silent};
use circumplex::model::{Keep, Logits, Model, Precision, Tap};
use circumplex::steering::{BlockPush, Push};
use serde_json::{Map, json};

const WIDTH: usize = 896;
const INNER: usize = 4864;
const BLOCKS: usize = 24;
const KV_WIDTH: usize = 128;
const VOCAB: usize = 151_936;

/// Tokens of a prefill, and of a decode after it.
const PREFILL: usize = 128;
const DECODE: usize = 24;

fn main() -> anyhow::Result<()> {
    let folder = std::env::var_os("CIRCUMPLEX_BENCH")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("target/bench-model"), PathBuf::from);
    write_model(&folder)?;
    let mut out = std::io::stdout().lock();
    writeln!(
        out,
        "| kept as | memory | load | prefill, {PREFILL} tokens | with all residuals | with steering | decode |"
    )?;
    writeln!(out, "|---|---|---|---|---|---|---|")?;
    for precision in [Precision::AsStored, Precision::Q8_0] {
        let start = Instant::now();
        let model = Model::open_as(&folder, Keep { precision, ..Keep::default() }, &Cancel::new(), &mut silent)?;
        let load = start.elapsed();
        let tokens: Vec<u32> = (0..PREFILL as u32).map(|i| i * 7919 % VOCAB as u32).collect();
        let push = Push {
            blocks: (8..16).map(|block| BlockPush { block, delta: vec![0.01; WIDTH], residual_norm: 1.0 }).collect(),
        };
        let bare = Tap { push: None, residual: false, logits: Logits::Last };
        let reading = Tap { residual: true, ..bare.clone() };
        let steered = Tap { push: Some((&push, 0..usize::MAX)), ..bare.clone() };
        let prefill = |tap: &Tap| -> anyhow::Result<Duration> {
            let start = Instant::now();
            model.forward(&tokens, &mut model.new_cache(), tap, &Cancel::new())?;
            Ok(start.elapsed())
        };
        // In turn, so that a slow moment of the machine falls on all of them.
        prefill(&bare)?;
        let mut times = [Vec::new(), Vec::new(), Vec::new()];
        for _ in 0..7 {
            for (times, tap) in times.iter_mut().zip([&bare, &reading, &steered]) {
                times.push(prefill(tap)?);
            }
        }
        let [bare_time, reading_time, steered_time] = times.map(median);
        let mut cache = model.new_cache();
        model.forward(&tokens, &mut cache, &bare, &Cancel::new())?;
        let mut steps = Vec::new();
        for token in 0..DECODE as u32 {
            let start = Instant::now();
            model.forward(&[token], &mut cache, &bare, &Cancel::new())?;
            steps.push(start.elapsed());
        }
        writeln!(
            out,
            "| {} | {:.0} MB | {:.1} s | {:.0} tok/s | {:+.1} % | {:+.1} % | {:.1} tok/s |",
            model.info().precision,
            model.info().memory as f64 / 1e6,
            load.as_secs_f64(),
            PREFILL as f64 / bare_time.as_secs_f64(),
            percent_more(reading_time, bare_time),
            percent_more(steered_time, bare_time),
            1.0 / median(steps).as_secs_f64()
        )?;
    }
    Ok(())
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

fn percent_more(time: Duration, than: Duration) -> f64 {
    100.0 * (time.as_secs_f64() / than.as_secs_f64() - 1.0)
}

/// Random weights in bf16, small enough that nothing overflows.
fn write_model(folder: &Path) -> anyhow::Result<()> {
    let path = folder.join("model.safetensors");
    if path.exists() {
        return Ok(());
    }
    fs::create_dir_all(folder)?;
    let config = json!({
        "architectures": ["Qwen2ForCausalLM"], "model_type": "qwen2", "hidden_size": WIDTH, "intermediate_size": INNER,
        "num_hidden_layers": BLOCKS, "num_attention_heads": 14, "num_key_value_heads": 2, "vocab_size": VOCAB,
        "max_position_embeddings": 32_768, "rms_norm_eps": 1e-6, "rope_theta": 1e6, "tie_word_embeddings": true,
        "hidden_act": "silu", "torch_dtype": "bfloat16", "eos_token_id": 1, "bos_token_id": 0,
    });
    fs::write(folder.join("config.json"), config.to_string())?;
    let vocab: Map<_, _> = ('a'..='z').enumerate().map(|(id, letter)| (letter.to_string(), json!(id))).collect();
    let tokenizer =
        json!({"version": "1.0", "added_tokens": [], "model": {"type": "BPE", "vocab": vocab, "merges": []}});
    fs::write(folder.join("tokenizer.json"), tokenizer.to_string())?;

    let mut tensors = vec![("model.embed_tokens.weight".to_owned(), vec![VOCAB, WIDTH])];
    for block in 0..BLOCKS {
        let mut add = |name: &str, shape: &[usize]| {
            tensors.push((format!("model.layers.{block}.{name}"), shape.to_vec()));
        };
        for (name, outputs) in [("q", WIDTH), ("k", KV_WIDTH), ("v", KV_WIDTH)] {
            add(&format!("self_attn.{name}_proj.weight"), &[outputs, WIDTH]);
            add(&format!("self_attn.{name}_proj.bias"), &[outputs]);
        }
        add("self_attn.o_proj.weight", &[WIDTH, WIDTH]);
        add("mlp.gate_proj.weight", &[INNER, WIDTH]);
        add("mlp.up_proj.weight", &[INNER, WIDTH]);
        add("mlp.down_proj.weight", &[WIDTH, INNER]);
        add("input_layernorm.weight", &[WIDTH]);
        add("post_attention_layernorm.weight", &[WIDTH]);
    }
    tensors.push(("model.norm.weight".to_owned(), vec![WIDTH]));
    let mut header = Map::new();
    let mut end = 0;
    for (name, shape) in &tensors {
        let start = end;
        end += 2 * shape.iter().product::<usize>();
        header.insert(name.clone(), json!({"dtype": "BF16", "shape": shape, "data_offsets": [start, end]}));
    }
    let header = serde_json::to_vec(&header)?;
    let mut file = std::io::BufWriter::new(fs::File::create(folder.join("partial"))?);
    file.write_all(&(header.len() as u64).to_le_bytes())?;
    file.write_all(&header)?;
    let mut state = 1u32;
    for (name, shape) in &tensors {
        for _ in 0..shape.iter().product::<usize>() {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let uniform = (state >> 8) as f32 / 8_388_608.0 - 1.0;
            let value = if name.contains("norm") { 1.0 } else { 0.035 * uniform };
            file.write_all(&half::bf16::from_f32(value).to_le_bytes())?;
        }
    }
    file.flush()?;
    fs::rename(folder.join("partial"), path)?;
    Ok(())
}
