declare module 'autocannon' {
  /** The part of autocannon that the bench uses. */
  export default function autocannon(options: {
    url: string;
    connections: number;
    duration: number;
    headers?: Record<string, string>;
  }): Promise<{ requests: { average: number }; errors: number; non2xx: number }>;
}
