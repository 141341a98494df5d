/** What the tests of this folder run on. */
export const DEVICE: string = 'cuda:0';
