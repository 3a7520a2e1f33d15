/** A `fetch` that says when the service is away, and when it is there again; whoever fetches tries again by itself. */
export function toldOutages(note: (text: string) => void, stop: AbortSignal): typeof fetch {
  let isAway = false;
  return async (input, init) => {
    try {
      const response = await fetch(input, init);
      if (isAway && response.status < 500) {
        isAway = false;
        note('The service is there again.');
      }
      return response;
    } catch (error) {
      if (!isAway && !stop.aborted) {
        isAway = true;
        note('The service cannot be reached; trying again until it is there.');
      }
      throw error;
    }
  };
}
