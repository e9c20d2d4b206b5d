"""What a loop imports: ChiaFunction, bypass and cache."""
