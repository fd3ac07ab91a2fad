declare module 'systemjs/dist/*';
declare module '*.css';
