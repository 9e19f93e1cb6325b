// Waiting with an end: for whatever stands behind the API and may hang rather than refuse.

/** What `work` gives, or an error after `ms` milliseconds; `work` itself goes on. */
export const inTime = async <T>(ms: number, work: Promise<T>, late: () => Error): Promise<T> => {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(late()), ms);
  });
  try {
    return await Promise.race([work, timeout]);
  } finally {
    clearTimeout(timer);
  }
};
