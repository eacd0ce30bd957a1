#!/usr/bin/env python3
import torch


assert torch.cuda.is_available()
