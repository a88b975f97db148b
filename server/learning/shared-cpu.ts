/** While the trainer trains, the engine that serves leaves it a part of the CPU: also one that takes another's place meanwhile. */
export interface Sharing {
  shareCpu(isShared: boolean): void;
}

export class SharedCpu {
  private readonly engine: () => Sharing | null;
  private isTraining = false;

  /** `engine` is whichever serves at the moment. */
  constructor(engine: () => Sharing | null) {
    this.engine = engine;
  }

  told(isTraining: boolean): void {
    this.isTraining = isTraining;
    this.apply();
  }

  /** Another engine serves now. */
  apply(): void {
    this.engine()?.shareCpu(this.isTraining);
  }
}
