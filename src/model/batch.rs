//! Residuals of many texts: one text to a thread, each computed by that thread alone. No text is padded and no product is split, so
//! the numbers are those of running the texts one by one.

use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use candle_core::Device;
use ndarray::Array3;
use rayon::{ThreadPool, ThreadPoolBuilder};

use super::ModelError;
use super::decoder::{Decoder, Tap};
use crate::job::Cancel;

/// A model with fewer weights than this runs a single text on one thread: waking others costs more than they save.
const SMALL: u64 = 20_000_000;

/// The threads a single pass runs on.
pub(super) enum Threads {
    One(ThreadPool),
    All,
    /// The caller's, since an accelerator computes.
    Caller,
}

impl Threads {
    pub fn for_model(parameters: u64, device: &Device) -> Result<Self, ModelError> {
        if !device.is_cpu() {
            return Ok(Self::Caller);
        }
        if parameters < SMALL { Ok(Self::One(lone_pool()?)) } else { Ok(Self::All) }
    }

    pub fn run<R: Send>(&self, f: impl FnOnce() -> R + Send) -> R {
        match self {
            Self::One(pool) => pool.install(f),
            Self::All => Device::Cpu.with_context(f),
            Self::Caller => f(),
        }
    }
}

/// A pool in which everything that would be shared out runs on one thread.
fn lone_pool() -> Result<ThreadPool, ModelError> {
    Ok(ThreadPoolBuilder::new().num_threads(1).thread_name(|_| "model".into()).build()?)
}

/// The residuals [L, T, D] of every text, in their order.
pub(super) fn residuals(
    decoder: &Decoder,
    threads: &Threads,
    texts: &[Vec<u32>],
    cancel: &Cancel,
) -> Result<Vec<Array3<f32>>, ModelError> {
    let one = |text: &[u32]| -> Result<Option<Array3<f32>>, ModelError> {
        let tap = Tap { residual: true, ..Tap::default() };
        Ok(decoder.forward(text, 0, None, &tap, cancel)?.residual)
    };
    let workers = thread::available_parallelism().map_or(1, NonZero::get);
    if texts.len() < workers || matches!(threads, Threads::Caller) {
        return texts.iter().filter_map(|text| threads.run(|| one(text)).transpose()).collect();
    }
    let next = AtomicUsize::new(0);
    let stop = Cancel::new();
    let work = || -> Result<Vec<(usize, Array3<f32>)>, ModelError> {
        let mut done = Vec::new();
        while let Some((index, text)) = take(&next, texts) {
            if stop.is_cancelled() {
                break;
            }
            done.extend(one(text).inspect_err(|_| stop.cancel())?.map(|residual| (index, residual)));
        }
        Ok(done)
    };
    let pools: Vec<_> = (0..workers).map(|_| lone_pool()).collect::<Result<_, _>>()?;
    let results: Vec<_> = thread::scope(|scope| {
        let handles: Vec<_> = pools.iter().map(|pool| scope.spawn(|| pool.install(work))).collect();
        handles.into_iter().map(|handle| handle.join()).collect()
    });
    let mut residuals = Vec::with_capacity(texts.len());
    for result in results {
        residuals.extend(result.unwrap_or_else(|panic| std::panic::resume_unwind(panic))?);
    }
    residuals.sort_by_key(|(index, _)| *index);
    Ok(residuals.into_iter().map(|(_, residual)| residual).collect())
}

fn take<'a>(next: &AtomicUsize, texts: &'a [Vec<u32>]) -> Option<(usize, &'a Vec<u32>)> {
    let index = next.fetch_add(1, Ordering::Relaxed);
    Some((index, texts.get(index)?))
}
