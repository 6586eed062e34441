/** Longest time that reading may keep the event loop to itself, in milliseconds. */
const sliceMs = 5;

/** Makes a function to call between two pieces of work: it resolves at once, or lets others go first when it is time. */
export function createPacer(): () => Promise<void> | undefined {
  let since = performance.now();
  return () => {
    if (performance.now() - since < sliceMs) return undefined;
    return new Promise((resolve) =>
      setImmediate(() => {
        since = performance.now();
        resolve();
      }),
    );
  };
}
