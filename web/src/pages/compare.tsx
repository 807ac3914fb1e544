export const Compare = () => null;
