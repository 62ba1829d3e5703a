//! Many pieces of work over all cores, each worker with a model of its own.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// Does `work` on every item, in as many threads as there are cores, each with a state of its own
/// from `begin`. The results stand in the order of the items, whatever thread made them.
///
/// # Errors
///
/// The first error of any of them; items not begun by then are left.
pub fn map<T: Sync, S, R: Send>(
    items: &[T],
    begin: impl Fn() -> anyhow::Result<S> + Sync,
    work: impl Fn(&mut S, usize, &T) -> anyhow::Result<R> + Sync,
) -> anyhow::Result<Vec<R>> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let next = AtomicUsize::new(0);
    let done: Mutex<Vec<(usize, R)>> = Mutex::default();
    let stop = || next.store(items.len(), Ordering::Relaxed);
    let run = || -> anyhow::Result<()> {
        let mut state = begin().inspect_err(|_| stop())?;
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = items.get(at) else { return Ok(()) };
            let result = work(&mut state, at, item).inspect_err(|_| stop())?;
            done.lock().unwrap_or_else(PoisonError::into_inner).push((at, result));
        }
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..cores.min(items.len())).map(|_| scope.spawn(run)).collect();
        for worker in workers {
            worker.join().map_err(|_| anyhow::anyhow!("a worker panicked"))??;
        }
        Ok::<_, anyhow::Error>(())
    })?;
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_by_key(|(at, _)| *at);
    Ok(done.into_iter().map(|(_, result)| result).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_order_and_an_error_ends_the_work() {
        let items: Vec<u32> = (0..100).collect();
        let twice = map(&items, || Ok(()), |(), at, item| Ok(at as u32 + item)).unwrap();
        assert_eq!(twice, items.iter().map(|item| 2 * item).collect::<Vec<_>>());
        let seen = AtomicUsize::new(0);
        let failed = map(
            &items,
            || Ok(()),
            |(), _, item| {
                seen.fetch_add(1, Ordering::Relaxed);
                if *item == 3 { anyhow::bail!("no {item}") } else { Ok(()) }
            },
        );
        assert!(failed.unwrap_err().to_string().contains("no 3"));
        assert!(map(&items, || anyhow::bail!("no model"), |(): &mut (), _, _| Ok(())).is_err());
    }
}
