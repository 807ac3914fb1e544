/**
 * ONNX Runtime 1.30 gathers telemetry by itself: it keeps an id of the device in the home folder and sends events. It reads
 * this variable when it is loaded, so this module is imported before it. temper sends nothing that the configuration
 * does not name.
 */
process.env['ORT_DISABLE_TELEMETRY'] = '1';
