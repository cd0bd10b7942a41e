"""Language and vision-language models behind one protocol: transformers, llama.cpp, any OpenAI-compatible server."""
