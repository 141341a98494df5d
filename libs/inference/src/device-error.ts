/** The device cannot be used, whatever the model: its driver, its libraries or the device itself fail. */
export class DeviceError extends Error {}
