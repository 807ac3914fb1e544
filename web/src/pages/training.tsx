export const Training = () => null;
