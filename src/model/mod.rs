//! Scene-LLM: the projector that joins 3D tokens and language, and the checkpoint folder.
