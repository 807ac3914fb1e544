export const Data = () => null;
