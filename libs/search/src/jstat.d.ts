declare module 'jstat' {
  const jStat: {
    readonly normal: {
      /** Quantile of the normal distribution. */
      inv(probability: number, mean: number, standardDeviation: number): number;
    };
  };
  export default jStat;
}
