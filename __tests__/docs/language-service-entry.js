// What language-service.ts bundles.
export { registerLogger, validate } from '@actions/languageservice'
export { TextDocument } from 'vscode-languageserver-textdocument'
